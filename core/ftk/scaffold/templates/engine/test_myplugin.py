"""The engine learns, and does a whole run."""

from pathlib import Path

from ftk_myplugin import STATE, Training

from ftk.plugin import files
from ftk.testing.plugins import problems_of

ROWS = [{"input_ids": [number], "expected": f"answer {number}"} for number in range(3)]


def test_it_learns_every_row_and_goes_on_from_its_checkpoint(tmp_path: Path) -> None:
    Training(ROWS, tmp_path, 2).run()
    assert files.read_json(tmp_path / STATE)["step"] == 2
    Training(ROWS, tmp_path, 3).run()
    assert files.read_json(tmp_path / STATE)["learned"]["[2]"] == "answer 2"


def test_it_keeps_the_rules_of_engines() -> None:
    assert problems_of("myplugin") == []
