"""A resolved config, as a run has it: checked, with every default filled in."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from ftk import files
from ftk.backend import HERE
from ftk.config.marked_yaml import read_yaml, write_yaml
from ftk.config.schema import Place
from ftk.config.times import seconds
from ftk.errors import UsageError

RESOLVED_FILE = "resolved.yml"
"""The file of a run that holds it."""

NEEDED = {"backend", "engine", "stages"}
"""Keys of its block `ftk` that those of all runs have, however old."""


@dataclass(frozen=True)
class Config:
    """A resolved config: checked, with every default filled in.

    :param values: the keys, as resolved.yml has them.
    :param place: names the place of a path for a person.
    """

    values: Mapping[str, Any]
    place: Place = field(repr=False, compare=False, default=lambda path: RESOLVED_FILE)

    def __getitem__(self, key: str) -> Any:
        return self.values[key]

    def get(self, key: str, default: Any = None) -> Any:
        """The value of a top-level key."""
        return self.values.get(key, default)

    @property
    def ftk(self) -> Mapping[str, Any]:
        """The block that engines never see."""
        block: Mapping[str, Any] = self.values["ftk"]
        return block

    def setting(self, name: str) -> Any:
        """The value of a setting below `ftk:`, by its name with dots; None where there is none."""
        value: Any = self.ftk
        for step in name.split("."):
            value = value.get(step) if isinstance(value, Mapping) else None
        return value

    def provider(self, stage: str) -> str:
        """Who provides a stage in this run.

        :raises UsageError: where nobody does, which is an error only to whoever asks for it.
        """
        name = self.ftk["engine"] if stage == "train" else self.ftk["stages"].get(stage)
        if name is None:
            raise UsageError(f"no plugin of this run provides {stage}", "`ftk plugins` lists what is installed")
        return str(name)

    @property
    def works_here(self) -> bool:
        """Whether the run works on this machine, so that what a check finds here holds for it."""
        return bool(self.ftk["backend"] == HERE)

    @property
    def timeout(self) -> float | None:
        """Seconds that a command may take, from `ftk.resources.timeout`."""
        text = self.ftk["resources"]["timeout"]
        return None if text is None else seconds(text)

    def dump(self) -> str:
        """The values as YAML."""
        return write_yaml(self.values)


def load_resolved(content: bytes, name: str) -> Config:
    """The config that a run's resolved.yml holds.

    :param name: what to call the file in messages.
    :raises FtkError: when it is damaged.
    """
    try:
        values = read_yaml(content.decode(), name).values
    except UnicodeDecodeError:
        raise files.damaged(name) from None
    block = values.get("ftk")
    if not isinstance(block, Mapping) or not block.keys() >= NEEDED:
        raise files.damaged(name)
    return Config(values)
