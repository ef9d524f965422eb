"""The metrics of a run in one file."""

import json
from pathlib import Path

from ftk.plugin import Config, LoggedRun
from ftk_jsonl.plugin import JsonLines


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
