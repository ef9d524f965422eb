"""A run of which the tokenised rows are not there: an engine reads the data sets itself."""

import json
from pathlib import Path

import pytest

ROWS = [{"text": f"what is {number} and {number}? {2 * number}"} for number in range(8)]

LITTLE = ("--set", "adapter=lora", "--set", "lora_target_linear=true", "--set", "max_steps=1", "--no-merge")


@pytest.mark.slow
def test_a_run_whose_data_are_left_to_the_engine_is_merged_and_compared(ftk_small_run) -> None:
    """Only axolotl reads data itself, which takes minutes: so the rows are removed when the model is trained."""
    ftk = ftk_small_run(ROWS, "completion", *LITTLE, "--set", "ftk.evaluate.rows=0")
    folder: Path = ftk.run_folder()
    (folder / "last_run_prepared/train.parquet").unlink()
    manifest = folder / "stages/stage_data.json"
    manifest.write_text(json.dumps({**json.loads(manifest.read_text()), "files": {}}))  # or they would be made again
    done = ftk("merge", "latest")
    assert done.returncode == 0, done.stderr
    assert "tokens of 4 made-up rows; rounding to " in done.stdout
