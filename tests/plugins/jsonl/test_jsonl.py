"""The metrics of a run in one file."""

import json
import os
from pathlib import Path

from ftk.plugin import Config, LoggedRun
from ftk.testing.calls import SCRIPTS
from ftk_jsonl.plugin import JsonLines

TOY = Path(__file__).parents[2] / "toy_plugin"

CONFIG = {
    "base_model": "toy://",
    "datasets": [{"path": "data.jsonl", "type": {"field_instruction": "question", "field_output": "answer"}}],
    "ftk": {"engine": "toy", "stages": dict.fromkeys(("prepare_model", "merge", "generate"), "toy")},
}

TRANSCRIPT = """
$ ftk run config.yml --logger jsonk
error: --logger: no plugin brings the logger 'jsonk'; did you mean 'jsonl'?
$ ftk run config.yml --until train
...
$ ftk sync
error: ftk-... has no logger
  name one: `ftk sync RUN --logger NAME`
$ ftk sync --logger jsonl
...
ftk-... is sent to jsonl
$ head -n 1 runs/*/metrics.jsonl
{"step": 1, "time": ..., "train/loss": ...}
$ ftk show
...
jsonl    ...runs/ftk-.../metrics.jsonl
...
"""


def test_what_is_logged_a_second_time_is_written_once(tmp_path: Path) -> None:
    run = LoggedRun(tmp_path, Config({}))
    for steps in ((1, 2), (2, 3)):  # as after a kill
        logger = JsonLines()
        assert logger.run_started(run) == str(tmp_path / "metrics.jsonl")
        for step in steps:
            logger.log_metrics({"train/loss": 1 / step}, step, 100.0 + step)
        logger.log_artifact("config", tmp_path / "config.yml")
        logger.run_finished("finished")
    lines = [json.loads(line) for line in (tmp_path / "metrics.jsonl").read_text().splitlines()]
    assert lines == [{"step": step, "time": 100.0 + step, "train/loss": 1 / step} for step in (1, 2, 3)]


def test_a_transcript(tmp_path: Path, play) -> None:
    (tmp_path / "data.jsonl").write_text(json.dumps({"question": "what?", "answer": "that"}) + "\n")
    (tmp_path / "config.yml").write_text(json.dumps(CONFIG))
    search = f"{SCRIPTS}{os.pathsep}{os.environ['PATH']}"
    play(TRANSCRIPT, tmp_path, {"PYTHONPATH": str(TOY), "PATH": search, "FTK_CACHE_DIR": str(tmp_path / "cache")}, 60)
