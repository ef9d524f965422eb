"""Environments of engines are built once, whole or not at all, whoever is killed, and keep ftk's packages out."""

import json
import signal
from collections.abc import Callable
from pathlib import Path

import psutil
import pytest

from ftk.testing.calls import Ftk

TRANSCRIPT = """
$ ftk env list
...
boxed          cpu   ... not built     20 MB  used by boxed
...
$ ftk env build boxed
  environment boxed: is built, 20 MB in .../cache/environments/boxed-cpu-...
  environment boxed: step 1 of 5: install tiny-box==1.0, tiny-lid==1.0
...
  environment boxed: step 2 of 5: uninstall tiny-lid
...
  environment boxed: step 3 of 5: install tiny-seal==1.0, tiny-torch==1.0
...
  environment boxed: step 5 of 5: install tiny-lash==1.0+cu{cuda}torch{torch}
  environment boxed: goes without tiny-lash==1.0+cu{cuda}torch{torch}: no index has tiny-lash==1.0+cu13torch2.13
  environment boxed: is there, ... MB after ... s
boxed  .../cache/environments/boxed-cpu-.../bin/python
$ ftk env list --json
[...{"name": "boxed", "accelerator": "cpu", "digest": "...", "state": "built", "size": ..., "plugins": ["boxed"], ...
$ PIP_FIND_LINKS=/nowhere ftk env build boxed
boxed  .../cache/environments/boxed-cpu-.../bin/python
$ ftk env build boxes
error: no plugin has a lock for an environment 'boxes'
  those that there are: ...boxed...
$ ftk env rm boxed
boxed-cpu-... is removed
$ ftk env rm boxed
error: there is no environment 'boxed' in .../cache/environments
  `ftk env list` shows those that there are
"""


def _folders(ftk: Ftk) -> list[Path]:
    return [item for item in (ftk.cache / "environments").iterdir() if item.is_dir()]


def _packages(folder: Path) -> set[str]:
    """What of the boxed packages an environment holds."""
    found = folder.glob("lib/*/site-packages/tiny_*")
    return {item.name for item in found if item.suffix != ".dist-info"}


def _installers(ftk: Ftk) -> list[psutil.Process]:
    """Processes that write into an environment of this test."""
    return [item for item in psutil.process_iter(["cmdline"]) if str(ftk.cache) in " ".join(item.info["cmdline"] or [])]


@pytest.mark.slow
def test_a_transcript(boxed, play) -> None:
    play(TRANSCRIPT.lstrip("\n"), boxed.folder, boxed.variables, 60)


@pytest.mark.slow
def test_a_run_builds_what_it_needs_and_keeps_ftk_out_of_it(boxed, toy_config: Path) -> None:
    sets = ("--set", "ftk.stages.merge=boxed", "--set", "ftk.evaluate.rows=0")
    done = boxed("run", toy_config, *sets, VIRTUAL_ENV="/elsewhere", PYTHONHOME="")
    assert done.returncode == 0, done.stderr
    assert "environment boxed: step 1 of 5: install tiny-box==1.0, tiny-lid==1.0" in done.stderr
    assert "note: boxed by tiny_box 1.0" in done.stderr
    seen = json.loads((boxed.run_folder() / "lora-out" / "merged" / "seen.json").read_text())
    (folder,) = _folders(boxed)
    assert (seen["tiny_box"], seen["tiny_flash"]) == ("1.0", "cu13torch2.13") and seen["others"] == []
    assert seen["prefix"] == str(folder) and seen["path"].startswith(f"{folder}/bin:")
    assert seen["variables"] == ["PYTHONNOUSERSITE"]
    again = boxed("run", toy_config, *sets, PIP_FIND_LINKS="/nowhere")
    assert again.returncode == 0, again.stderr
    assert "environment boxed" not in again.stderr
    used = boxed("run", toy_config, *sets, "--set", f"ftk.environments.boxed={folder}/bin/python")
    assert used.returncode == 0, used.stderr


MOMENTS: dict[str, Callable[[Path], bool]] = {
    "the venv is made": lambda folder: (folder / "pyvenv.cfg").exists(),
    "the first step begins": lambda folder: (folder / "step-1.txt").exists(),
    "a package is there": lambda folder: any(folder.glob("lib/*/site-packages/tiny_box")),
    "the last step begins": lambda folder: (folder / "step-3.txt").exists(),
}


def _kill_at(ftk: Ftk, moment: Callable[[Path], bool]) -> None:
    builder = ftk.start("env", "build", "boxed")
    root = ftk.cache / "environments"
    ftk.wait_for(lambda: any(moment(folder) for folder in root.glob("boxed-*") if folder.is_dir()))
    builder.send_signal(signal.SIGKILL)
    builder.communicate()
    ftk.wait_for(lambda: not _installers(ftk))


def _assert_rebuilt(ftk: Ftk) -> None:
    (row,) = [row for row in json.loads(ftk("env", "list", "--json").stdout) if row["name"] == "boxed"]
    assert row["state"] == "unfinished"
    (Path(row["folder"]) / "litter").write_text("left by the killed build")
    done = ftk("env", "build", "boxed")
    assert done.returncode == 0, done.stderr
    assert not (Path(row["folder"]) / "litter").exists()
    assert _packages(Path(row["folder"])) == {"tiny_box", "tiny_seal", "tiny_flash.py"}


@pytest.mark.slow
@pytest.mark.parametrize("moment", MOMENTS)
def test_a_build_killed_at_any_moment_is_done_again(moment: str, boxed) -> None:
    _kill_at(boxed, MOMENTS[moment])
    _assert_rebuilt(boxed)


@pytest.mark.slow
def test_a_run_killed_while_it_builds_is_resumed(boxed, toy_config: Path) -> None:
    boxed("run", toy_config, "--set", "ftk.stages.merge=boxed", "--set", "ftk.evaluate.rows=0", "--detach")
    boxed.wait_for_event("installing")
    for worker in boxed.workers():
        worker.kill()
    boxed.assert_nobody_works()
    done = boxed("run", "--resume", "latest")
    assert done.returncode == 0, done.stderr
    assert "train was done before" in done.stderr


@pytest.mark.slow
def test_a_cancelled_build_leaves_nothing(boxed, toy_config: Path) -> None:
    boxed("run", toy_config, "--set", "ftk.stages.merge=boxed", "--set", "ftk.evaluate.rows=0", "--detach")
    boxed.wait_for_event("installing")
    assert boxed("cancel", "latest").returncode == 0
    boxed.wait_for_event("run_finished", status="cancelled")
    assert _folders(boxed) == [] and _installers(boxed) == []


@pytest.mark.slow
def test_of_two_builders_one_builds(boxed) -> None:
    first = boxed.start("env", "build", "boxed")
    boxed.wait_for(lambda: any((boxed.cache / "environments").glob("*/pyvenv.cfg")))
    second = boxed("env", "build", "boxed")
    assert first.communicate()[1].count("is built, 20 MB") == 1
    assert (first.returncode, second.returncode) == (0, 0)
    assert second.stderr == "  environment boxed: another build of it is waited for\n"


def test_uv_builds_too(boxed, wheels: Path) -> None:
    done = boxed("env", "build", "boxed", FTK_INSTALLER="uv", UV_FIND_LINKS=str(wheels), UV_NO_INDEX="1")
    assert done.returncode == 0, done.stderr
    assert "goes without tiny-lash==1.0+cu{cuda}torch{torch}: no index has tiny-lash==1.0+cu13torch2.13" in done.stderr
    assert _packages(_folders(boxed)[0]) == {"tiny_box", "tiny_seal", "tiny_flash.py"}


@pytest.mark.slow
def test_what_goes_wrong_is_told_with_its_remedy(boxed, tmp_path: Path) -> None:
    absent = boxed("env", "build", "boxed", PIP_FIND_LINKS=str(tmp_path))
    assert absent.returncode == 1
    assert absent.stderr.splitlines()[-2:] == [
        "error: the environment boxed failed (step 1 of 5: install tiny-box==1.0, tiny-lid==1.0): the package index"
        " does not have what the lock names: No matching distribution found for tiny-box==1.0",
        "  name an index that has it (PIP_INDEX_URL, PIP_EXTRA_INDEX_URL, PIP_FIND_LINKS); all of its output: "
        f"{next((boxed.cache / 'environments').glob('*.log'))}",
    ]
    assert _folders(boxed) == []
