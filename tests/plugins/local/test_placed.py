"""What commands find around them on this machine."""

import sys
from pathlib import Path

import pytest

from ftk.artifacts import Artifact
from ftk.plugin import Interpreter
from ftk_local.placed import Placed


@pytest.mark.parametrize("python", [Path(sys.executable), Path("/opt/bin/python")])
def test_a_command_keeps_its_docstrings_whatever_the_shell_says(python: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PYTHONOPTIMIZE", "2")
    monkeypatch.setenv("PERSONS_OWN", "1")
    here = Placed(Path("/runs/one"), Path("/cache"), Interpreter(python))
    variables = here.variables({"MODEL": Artifact("cache", "models/x")})
    assert "PYTHONOPTIMIZE" not in variables
    assert (variables["PERSONS_OWN"], variables["MODEL"]) == ("1", "/cache/models/x")
