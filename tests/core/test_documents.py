"""What README and CONTRIBUTING say is generated from the code, or done here as they say it."""

import importlib.util
import os
import re
import subprocess
import sys
import sysconfig
from pathlib import Path

import pytest


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

    from ftk.config.marked_yaml import read_yaml
    from ftk.config.resolve import resolve
    from ftk.hooks.manager import Manager

    (block,) = re.findall(r"```yaml\n(ftk:\n  backend:.*?)```", (root / "README.md").read_text(), re.DOTALL)
    written = yaml.safe_load(block)["ftk"]
    raw = read_yaml("base_model: org/name\ndatasets: [{path: x.jsonl, type: {}}]", "c.yml")
    defaults = resolve(raw, [], Manager.load()).ftk
    assert written.pop("resources") == {"timeout": None, "gpu": None}
    assert written.pop("stages") == {"merge": defaults["stages"]["merge"]}
    assert written == {name: defaults[name] for name in written}


def test_the_readmes_settings_of_servers_are_the_defaults(root: Path) -> None:
    import yaml

    from ftk.config.schema import complete
    from ftk.serving.settings import SERVE

    (block,) = re.findall(r"```yaml\n(ftk:\n  serve:.*?)```", (root / "README.md").read_text(), re.DOTALL)
    assert yaml.safe_load(block)["ftk"]["serve"] == complete({}, SERVE)


@pytest.mark.slow
def test_the_tutorial_of_contributing_can_be_typed(root: Path, tmp_path: Path, play) -> None:
    text = (root / "CONTRIBUTING.md").read_text()
    tutorial = text[text.index("## Writing a plugin") : text.index("### The hooks")]
    variables = _fresh_environment(tmp_path)
    pieces = re.finditer(r"<!-- file: (\S+) -->\n```\w+\n(.*?)```|```console\n(.*?)```", tutorial, re.DOTALL)
    for name, content, transcript in (piece.groups() for piece in pieces):
        if name:
            (tmp_path / name).write_text(content)
        else:
            play(transcript, tmp_path, variables, 120)


def _fresh_environment(folder: Path) -> dict[str, str]:
    """A virtual environment that has all that this one has, so that a plugin can be installed and nobody is harmed."""
    venv = folder / "venv"
    _run([sys.executable, "-m", "venv", "--without-pip", venv])
    here = sysconfig.get_path("purelib")
    Path(sysconfig.get_path("purelib", vars={"base": str(venv)}), "here.pth").write_text(
        f"import site; site.addsitedir({here!r})\n"
    )
    for name, call in {
        "ftk": "from ftk.cli import main; main()",
        "pip": "import runpy; runpy.run_module('pip', run_name='__main__')",
        "pytest": "import pytest; raise SystemExit(pytest.main())",
    }.items():
        script = venv / "bin" / name
        script.write_text(f"#!{venv}/bin/python\n{call}\n")
        script.chmod(0o755)
    offline = {"PIP_NO_BUILD_ISOLATION": "false", "PIP_NO_INDEX": "1"}
    return {**offline, "PATH": f"{venv}/bin:{os.environ['PATH']}", "XDG_CACHE_HOME": str(folder / "cache")}


def _run(command: list, variables: dict[str, str] | None = None) -> subprocess.CompletedProcess[str]:
    return subprocess.run(command, env=variables, capture_output=True, text=True, check=True)
