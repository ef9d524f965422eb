"""Commands know nothing of this machine: executed on copies in another place, they make the same run."""

import json
import re
from pathlib import Path
from typing import Any

import pytest

COPYING = Path(__file__).parent / "copying_backend"

OWN_CLOCK = ("trainer_state.json", "complete.json")
"""In a checkpoint: the trainer's own speeds, and the size of that file; checked by resuming from them."""

VARYING = {"time", "seconds", "seconds_left", "tokens_per_second", "id", "backend"}
"""What two runs of the same config differ in."""


def _run(ftk, config: Path, backend: str) -> dict[str, Any]:
    """Every file of a finished run and of its new cache.

    The run is started detached, since it is not there to be watched while a command runs on its copy.
    """
    search = {"PYTHONPATH": f"{COPYING}:{ftk.variables['PYTHONPATH']}"}
    started = ftk("run", config, "--backend", backend, "--detach", "--json", **search)
    assert started.returncode == 0, started.stderr
    ftk.wait_for(lambda: not ftk.workers())
    folder = Path(json.loads(started.stdout)["folder"])
    folder = folder if folder.is_absolute() else ftk.folder / folder
    assert ftk.events("run_finished")[-1]["status"] == "finished", (folder / "logs.txt").read_text()
    made = {**_content(folder), **{f"cache/{name}": item for name, item in _content(ftk.cache).items()}}
    ftk.cache.rename(ftk.folder / f"cache-of-{backend}")
    return made


def _content(folder: Path) -> dict[str, Any]:
    """Every file of a folder by name, without times and ids."""
    paths = [item for item in folder.rglob("*") if item.is_file()]
    return {path.relative_to(folder).as_posix(): _without_varying(path) for path in paths}


def _without_varying(path: Path) -> Any:
    if path.suffix == ".jsonl" and path.parent.name == "events":
        return [_dropped(json.loads(line)) for line in path.read_text().splitlines()]
    if path.parent.name == "stages":
        return _dropped(json.loads(path.read_text()))
    if path.name == "logs.txt":
        return re.sub(r"\d+ tokens/s", "", path.read_text())
    if path.name in OWN_CLOCK:
        return sorted(json.loads(path.read_text()))
    if path.name == "resolved.yml":
        return path.read_text().replace("backend: copying", "backend: local")
    return path.read_bytes()


def _dropped(value: dict[str, Any]) -> dict[str, Any]:
    return {name: item for name, item in value.items() if name not in VARYING}


def _assert_same_from_both(ftk, config: Path) -> None:
    local, copying = _run(ftk, config, "local"), _run(ftk, config, "copying")
    assert sorted(copying) == sorted(local)
    assert [name for name in local if copying[name] != local[name]] == []


def test_a_run_on_copies_is_the_same(ftk, toy_config: Path) -> None:
    _assert_same_from_both(ftk, toy_config)


@pytest.mark.slow
def test_a_real_run_on_copies_is_the_same(ftk, tiny_config: Path) -> None:
    _assert_same_from_both(ftk, tiny_config)


def test_a_model_on_copies_is_asked(ftk, toy_config: Path) -> None:
    search = {"PYTHONPATH": f"{COPYING}:{ftk.variables['PYTHONPATH']}"}
    assert ftk("run", toy_config, "--backend", "copying", "--detach", **search).returncode == 0
    ftk.wait_for(lambda: ftk.has_run() and ftk.events("run_finished"))
    names = sorted(item.name for item in ftk.run_folder().iterdir())
    asked = ftk("infer", "hello", "--backend", "copying", **search)
    assert (asked.stdout, asked.stderr) == ("5 characters\n", "")
    assert sorted(item.name for item in ftk.run_folder().iterdir()) == names
