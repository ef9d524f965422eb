"""The files of the logger `tensorboard`, read back by TensorBoard's own reader."""

from pathlib import Path

import pytest

from ftk.plugin import Config, LoggedRun
from ftk_tensorboard.plugin import TensorBoard

reading = pytest.importorskip(
    "tensorboard.backend.event_processing.event_accumulator", reason='needs `pip install -e ".[tensorboard]"`'
)


def test_tensorboard_reads_every_step_and_the_config(tmp_path: Path) -> None:
    run = LoggedRun(tmp_path, Config({"lora_r": 8, "ftk": {"engine": "toy"}}))
    for steps in ((1, 2), (3, 4)):
        logger = TensorBoard()
        link = logger.run_started(run)
        assert link == f"tensorboard --logdir {tmp_path / 'tensorboard'}"
        for step in steps:
            logger.log_metrics({"train/loss": 0.5 * step, "train/epoch": step}, step, 100.0 + step)
        logger.run_finished("cancelled")
    events = reading.EventAccumulator(str(tmp_path / "tensorboard"))
    events.Reload()
    read = [(item.step, item.value, item.wall_time) for item in events.Scalars("train/loss")]
    assert read == [(step, 0.5 * step, 100.0 + step) for step in (1, 2, 3, 4)]
    [text] = events.Tensors("config")[0].tensor_proto.string_val
    assert "| lora_r | 8 |" in text.decode() and "| ftk.engine | toy |" in text.decode()


@pytest.mark.parametrize(("given", "wanted"), [(True, True), (False, False), (None, None)])
def test_the_key_of_axolotl_chooses_it(given: bool | None, wanted: bool | None) -> None:
    assert TensorBoard().is_wanted({"use_tensorboard": given}) is wanted
