"""What a finished stage leaves behind: written last, so that its presence means that the stage is whole."""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from ftk import files
from ftk.config.schema import Schema, complete
from ftk.errors import FtkError

CONFIG = "config "
"""What the name of an input begins with that is a key of the config."""


@dataclass(frozen=True)
class Manifest:
    """The record of a stage.

    :param stage: its name.
    :param inputs: everything that decides its result, by name: config keys, files, earlier stages, the provider.
    :param result: the result as JSON; None while the stage has only started.
    :param seconds: how long it took.
    :param environment: in what its commands ran; see `ftk.environments.choosing.identity`.
    :param files: files of the run that it was given in a folder, and those that it made; see `ftk.runs.whole`. None of
        a run that is older than this record.
    """

    stage: str
    inputs: Mapping[str, Any]
    result: dict[str, Any] | None = None
    seconds: float | None = None
    environment: str | None = None
    files: Mapping[str, int] | None = None

    @property
    def digest(self) -> str:
        """Identity of the inputs."""
        return files.sha256_of(dict(self.inputs))

    def write(self, folder: Path) -> None:
        """Put the record into the `stages` folder of a run."""
        values = {
            "stage": self.stage,
            "digest": self.digest,
            "inputs": dict(self.inputs),
            "environment": self.environment,
            "seconds": self.seconds,
            "result": self.result,
            "files": None if self.files is None else dict(self.files),
        }
        files.write_json(folder / f"{self.stage}.json", values)

    @classmethod
    def parse(cls, stage: str, values: Any, place: Path | str) -> "Manifest":
        """The record that `values`, read from its file, hold.

        :param place: what to call that file in messages.
        :raises FtkError: when it is damaged.
        """
        try:
            since = (values.get(name) for name in ("environment", "files"))
            found = cls(stage, dict(values["inputs"]), values["result"], values["seconds"], *since)
        except (AttributeError, KeyError, TypeError, ValueError):
            remedy = f"restore it; `ftk run --resume RUN --from {stage}` does the stage again"
            raise FtkError(f"{place} is damaged", remedy) from None
        return found

    def changed(self, inputs: Mapping[str, Any], keys: Mapping[str, Schema]) -> list[str]:
        """A line for each input that differs in `inputs`, naming it with both values.

        Other plugins than those of the stage may be here: a key of the config that they do not read has not changed,
        nor has one that is new and has its default.

        :param keys: the schemas of inputs that are keys of the config.
        """
        then = complete(dict(self.inputs), {"properties": keys})
        names = sorted({*inputs, *(name for name in self.inputs if not name.startswith(CONFIG))})
        return [
            f"{name}: {then.get(name)!r} then, {inputs.get(name)!r} now"
            for name in names
            if then.get(name) != inputs.get(name)
        ]
