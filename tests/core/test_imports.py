"""What is imported when: ftk answers quickly, and runs where its dependencies are missing."""

import ast
import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from ftk import reporter

UNUSED_BY_HELP = {"yaml", "pluggy", "rich", "tokenizers", "pyarrow", "jsonschema", "psutil", "torch"}
UNUSED_BY_LOADING = {"torch", "transformers", "peft", "pyarrow", "huggingface_hub", "tokenizers", "jsonschema", "rich"}


def modules_after(code: str, *options: str) -> set[str]:
    """The top-level modules that an interpreter has imported after running `code`."""
    report = f"{code}\nimport json, sys; print(json.dumps([name.partition('.')[0] for name in sys.modules]))"
    variables = {name: value for name, value in os.environ.items() if not name.startswith("FTK_")}
    argv = [sys.executable, *options, "-c", report]
    output = subprocess.run(argv, env=variables, capture_output=True, text=True, check=True).stdout
    return set(json.loads(output.splitlines()[-1]))


@pytest.mark.parametrize(
    "code",
    [
        "import ftk.cli",
        "from ftk.cli import cli; cli.main(['--help'], standalone_mode=False)",
        "from ftk.cli import cli; cli.main(['--version'], standalone_mode=False)",
    ],
)
def test_help_imports_no_library_but_click(code: str) -> None:
    modules = modules_after(code)
    assert {"ftk", "click"} <= modules
    assert modules & UNUSED_BY_HELP == set()


def test_loading_all_plugins_imports_no_engine() -> None:
    modules = modules_after("from ftk.hooks.manager import Manager\nassert not Manager.load().broken")
    assert {"ftk", "pluggy"} <= modules
    assert modules & UNUSED_BY_LOADING == set()


def test_the_reporter_imports_the_standard_library_alone() -> None:
    tree = ast.parse(Path(reporter.__file__).read_text())
    imported = [alias.name for node in ast.walk(tree) if isinstance(node, ast.Import) for alias in node.names]
    imported += [node.module or "." for node in ast.walk(tree) if isinstance(node, ast.ImportFrom)]
    assert {name.partition(".")[0] for name in imported} <= set(sys.stdlib_module_names)


def test_the_reporter_works_as_a_single_file_in_a_bare_interpreter(tmp_path: Path) -> None:
    path = tmp_path / "events.jsonl"
    code = (
        "import runpy, pathlib\n"
        f"module = runpy.run_path({reporter.__file__!r})\n"
        f"module['Reporter'](pathlib.Path({str(path)!r})).emit('x', number=1)"
    )
    assert "ftk" not in modules_after(code, "-I", "-S")
    assert json.loads(path.read_text())["number"] == 1
