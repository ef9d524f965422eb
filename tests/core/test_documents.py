"""What README and CONTRIBUTING say is generated from the code, or done here as they say it."""

import importlib.util
import json
import os
import re
import subprocess
import sys
from pathlib import Path


def _load(path: Path):
    spec = importlib.util.spec_from_file_location("documents", path)
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def test_the_generated_parts_are_up_to_date(root: Path) -> None:
    documents = _load(root / "tests/documents.py")
    for name in ("README.md", "CONTRIBUTING.md"):
        text = (root / name).read_text()
        assert documents.with_generated(text) == text, "run `python tests/documents.py`"


def test_the_readme_leads_with_the_two_commands(root: Path) -> None:
    commands = re.findall(r"^    (pip install .* && .*)$", (root / "README.md").read_text(), re.MULTILINE)
    assert commands[:2] == [
        'pip install -e ".[transformers]" && ftk run configs/quickstart.yml',
        'pip install -e ".[test]" && pytest',
    ]


def test_the_readmes_ftk_block_is_what_a_config_without_one_means(root: Path) -> None:
    import yaml

    from ftk.config import resolve
    from ftk.manager import Manager
    from ftk.marked_yaml import read_yaml

    (block,) = re.findall(r"```yaml\n(ftk:.*?)```", (root / "README.md").read_text(), re.DOTALL)
    written = yaml.safe_load(block)["ftk"]
    raw = read_yaml("base_model: org/name\ndatasets: [{path: x.jsonl, type: {}}]", "c.yml")
    defaults = resolve(raw, [], Manager.load()).ftk
    assert written.pop("resources") == {"timeout": "24h"}  # the only value that is no default
    assert written.pop("stages") == {"merge": defaults["stages"]["merge"]}
    assert written == {name: defaults[name] for name in written}


def test_the_plugin_of_contributing_works_as_it_stands(root: Path, tmp_path: Path) -> None:
    text = (root / "CONTRIBUTING.md").read_text()
    for name, content in re.findall(r"<!-- file: (\S+) -->\n```\w+\n(.*?)```", text, re.DOTALL):
        (tmp_path / name).write_text(content)
    built = tmp_path / "site"
    _run(
        [sys.executable, "-m", "pip", "install", "-q", "--no-deps", "--no-build-isolation", "--target", built, tmp_path]
    )
    (tmp_path / "riddles.jsonl").write_text('{"riddle": "What has keys but opens no lock?", "solution": "A piano"}\n')
    config = tmp_path / "config.yml"
    dataset = re.search(r"```yaml\n(datasets:\n.*?)```", text, re.DOTALL)[1]
    config.write_text(f"base_model: org/name\n{dataset}")
    variables = {**os.environ, "PYTHONPATH": str(built)}
    listed = json.loads(_run(["ftk", "plugins", "--json"], variables).stdout)
    assert {"riddles": "works"}.items() <= {row["name"]: row["state"] for row in listed}.items()
    dry = ["ftk", "run", str(config), "--dry-run"]
    assert "would do" in _run(dry, variables).stdout
    (tmp_path / "riddles.jsonl").write_text('{"riddle": "What has keys?"}\n')
    refused = subprocess.run(dry, env=variables, capture_output=True, text=True)
    assert refused.returncode == 2
    assert "riddles.jsonl:1: the field `solution` is missing" in refused.stderr


def _run(command: list, variables: dict[str, str] | None = None) -> subprocess.CompletedProcess[str]:
    return subprocess.run(command, env=variables, capture_output=True, text=True, check=True)
