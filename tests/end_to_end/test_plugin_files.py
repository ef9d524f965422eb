"""Plugins in single files: named by a config or on the command line, asked about, and kept by the run."""

import json
from pathlib import Path

import pytest

FORMAT = '''
"""Rows with a riddle and its solution."""

from ftk.plugin import RowError, Segment, hookimpl


class Riddles:
    name = "riddles"
    revision = 1
    schema = {"type": "object", "additionalProperties": False}

    def segments(self, row, options, train_on_inputs):
        if "riddle" not in row:
            raise RowError("the field `riddle` is missing", "add it")
        return [Segment(row["riddle"], trained=False), Segment(row["solution"], trained=True, ends=True)]


@hookimpl
def dataset_formats():
    return [Riddles()]
'''

CONFIG = """\
base_model: toy://
datasets:
  - path: riddles.jsonl
    type: riddles
ftk:
  engine: toy
  stages: {prepare_model: toy, merge: toy, generate: toy}
"""

NAMED = CONFIG + "  plugins: [./riddles.py]\n"


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A folder with a config, its data, and the plugin that reads them."""
    rows = [{"riddle": f"riddle {number}? ", "solution": f"solution {number}"} for number in range(4)]
    (tmp_path / "riddles.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows))
    (tmp_path / "riddles.py").write_text(FORMAT)
    return tmp_path


def test_a_plugin_from_the_command_line_is_used_and_kept_by_the_run(ftk, folder: Path) -> None:
    (folder / "config.yml").write_text(CONFIG)
    (folder / "riddles.py").write_text(FORMAT, newline="\r\n")
    assert "there is no dataset format 'riddles'" in ftk("run", "config.yml").stderr
    done = ftk("run", "config.yml", "--plugin", "riddles.py")
    assert done.returncode == 0, done.stderr
    kept = ftk.run_folder() / "plugins/riddles.py"
    assert kept.read_text() == FORMAT
    (folder / "riddles.py").unlink()
    resumed = ftk("run", "--resume", "latest", "--from", "stage_data")
    assert resumed.returncode == 0, resumed.stderr
    assert ftk("infer", "riddle 1? ").stdout.strip()


def test_the_code_of_a_config_runs_only_with_the_persons_yes(ftk, folder: Path) -> None:
    (folder / "config.yml").write_text(NAMED)
    (folder / "riddles.py").write_text(f"open({str(folder / 'ran')!r}, 'w')\n" + FORMAT)
    refused = ftk("run", "config.yml")
    assert refused.returncode == 2
    assert f"the config names the plugin {folder / 'riddles.py'}, whose code would run" in refused.stderr
    assert "--trust" in refused.stderr
    assert not (folder / "ran").exists()
    assert not ftk.has_run()
    assert ftk("run", "config.yml", "--trust").returncode == 0
    assert (folder / "ran").exists()


def test_a_yes_is_remembered_until_the_file_changes(ftk, folder: Path) -> None:
    (folder / "config.yml").write_text(NAMED)
    assert ftk("run", "config.yml", "--trust", "--dry-run").returncode == 0
    assert ftk("run", "config.yml", "--dry-run").returncode == 0
    (folder / "riddles.py").write_text(FORMAT + "\n# changed\n")
    assert ftk("run", "config.yml", "--dry-run").returncode == 2


def test_the_code_of_a_run_from_elsewhere_runs_only_with_the_persons_yes(ftk, folder: Path) -> None:
    (folder / "config.yml").write_text(CONFIG)
    (folder / "riddles.py").write_text(f"open({str(folder / 'ran')!r}, 'w')\n" + FORMAT)
    assert ftk("run", "config.yml", "--plugin", "riddles.py", "--set", "ftk.stages.serve=toy").returncode == 0
    (folder / "ran").unlink()
    run = ftk.run_folder().name
    elsewhere = {"FTK_CACHE_DIR": str(folder / "of-another-person")}
    for call in ("inspect", "infer hi", "eval", "serve", "chat", "sync", "merge latest", "run --resume latest"):
        refused = ftk(*call.split(), **elsewhere)
        assert (call, refused.returncode) == (call, 2)
        assert f"the run {run} names the plugin runs/{run}/plugins/riddles.py, whose code would run" in refused.stderr
        assert "--trust" in refused.stderr
    assert not (folder / "ran").exists()
    assert ftk("inspect", "--trust", **elsewhere).returncode == 0
    assert ftk("inspect", **elsewhere).returncode == 0


@pytest.mark.parametrize(
    ("name", "content", "message"),
    [
        ("gone.py", None, "gone.py cannot be read"),
        ("notes.txt", "x = 1", "notes.txt is no plugin"),
        ("odd.py", "import nothing_of_that_name", "odd.py cannot be loaded: ModuleNotFoundError"),
        ("torn.py", "def f(:", "torn.py cannot be loaded: SyntaxError"),
    ],
)
def test_a_file_that_is_no_plugin_is_told_in_one_line(ftk, folder: Path, name: str, content: str, message: str) -> None:
    (folder / "config.yml").write_text(CONFIG)
    if content:
        (folder / name).write_text(content)
    refused = ftk("run", "config.yml", "--plugin", name)
    assert refused.returncode in (1, 2)
    assert message in refused.stderr
    assert "Traceback" not in refused.stderr
    assert not ftk.has_run()


def test_a_config_can_do_without_an_installed_plugin(ftk, folder: Path, toy_config: Path) -> None:
    toy_config.write_text(toy_config.read_text() + "  disable_plugins: [toy]\n")
    refused = ftk("run", "config.yml")
    assert refused.returncode == 2
    assert "no plugin 'toy' provides train" in refused.stderr
