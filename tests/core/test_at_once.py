"""Two processes that do the same for the first time, at the same time."""

import subprocess
import sys
from pathlib import Path

import pytest

TRUST = """
from ftk.hooks.loading import PluginFile
from ftk.hooks.trust import refuse_untrusted
def do(folder, number):
    plugin = PluginFile("p", f"# {number}", "p.py")
    refuse_untrusted([plugin], "the config", folder / "cache", trust=True, ask=lambda question: False)
"""

SHIP = """
from ftk.plugin import Cache, Config, Run
def do(folder, number):
    Run(folder / str(number), Cache(folder / "cache"), Config({}), None, None).ship(Path(__file__))
"""

REMOVE = """
import sys
from ftk import files
for number in range(200):
    files.make_folder(Path(sys.argv[1]) / "removed" / str(number) / "a" / "b")
    files.make_folder(Path(sys.argv[1]) / "removed" / str(number) / "c")
def do(folder, number):
    files.remove(folder / "removed" / str(number))
"""

TIMES = 200

LOOP = f"""
import sys, time
from pathlib import Path
folder = Path(sys.argv[1])
(folder / f"ready-{{sys.argv[2]}}").touch()
while len(list(folder.glob("ready-*"))) < 2:
    time.sleep(0.001)
for number in range({TIMES}):
    do(folder, number)
"""


@pytest.mark.parametrize("what", [TRUST, SHIP, REMOVE], ids=["trust", "ship", "remove"])
def test_neither_is_in_the_others_way(what: str, tmp_path: Path) -> None:
    script = tmp_path / "script.py"
    script.write_text("from pathlib import Path\n" + what + LOOP)
    argv = [sys.executable, str(script), str(tmp_path)]
    processes = [subprocess.Popen([*argv, name], stderr=subprocess.PIPE, text=True) for name in ("one", "two")]
    assert [process.communicate(timeout=120)[1] for process in processes] == ["", ""]
    assert list(tmp_path.rglob("*.partial")) == []
    assert list(tmp_path.glob("removed/*")) == []
