"""The logger `tensorboard`."""

import time
from collections.abc import Mapping, Sequence
from typing import Any

from ftk.plugin import LoggedRun, Logger, hookimpl


class TensorBoard(Logger):
    """Writes event files into the run's folder `tensorboard`: numbers, and the config as text."""

    name = "tensorboard"
    keys = {"use_tensorboard": {"type": ["boolean", "null"]}}
    modules = ("tensorboard",)
    folder = "tensorboard"
    remedy = '`pip install "finetune-kit[tensorboard]"`, or do without: `--logger jsonl`'

    def is_wanted(self, config: Mapping[str, Any]) -> bool | None:
        """Where `use_tensorboard` says so."""
        return config.get("use_tensorboard")

    def run_started(self, run: LoggedRun) -> str:
        """Begin a new file, which is shown together with those that are there."""
        from tensorboard.plugins.text.metadata import create_summary_metadata
        from tensorboard.summary.writer.event_file_writer import EventFileWriter
        from tensorboard.util.tensor_util import make_tensor_proto

        folder = run.folder / self.folder
        self._writer = EventFileWriter(str(folder))
        rows = [f"| {name} | {value} |" for name, value in run.parameters().items()]
        text = "\n".join(["| key | value |", "| --- | --- |", *rows])
        metadata = create_summary_metadata(display_name="config", description="")
        self._write([{"tag": "config", "tensor": make_tensor_proto(text), "metadata": metadata}], 0, time.time())
        return f"tensorboard --logdir {folder}"

    def log_metrics(self, values: Mapping[str, float], step: int, time: float) -> None:
        """Write numbers."""
        self._write([{"tag": name, "simple_value": value} for name, value in values.items()], step, time)

    def run_finished(self, status: str) -> None:
        """Close the file."""
        self._writer.close()

    def _write(self, values: Sequence[Mapping[str, Any]], step: int, time: float) -> None:
        from tensorboard.compat.proto.event_pb2 import Event
        from tensorboard.compat.proto.summary_pb2 import Summary

        summary = Summary(value=[Summary.Value(**value) for value in values])
        self._writer.add_event(Event(wall_time=time, step=step, summary=summary))
        self._writer.flush()


@hookimpl
def loggers() -> Sequence[Logger]:
    """The logger of this plugin."""
    return [TensorBoard()]
