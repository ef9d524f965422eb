"""What a run first had of its base model, as its folder keeps it."""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

from ftk import files
from ftk.artifacts import Artifact, FetchedModel
from ftk.data.tokenizer import tokenizer_digest

FILE = "base_model.json"
"""What was fetched, by part: where in the cache it lies, and its digest; and of what the tokenizer was made."""

TOKENIZER_FOLDER = "tokenizer"
"""The tokenizer as the config changes it."""

Part = Literal["model", "tokenizer"]
"""What was fetched: all of the model, or its tokenizer alone."""


@dataclass(frozen=True)
class Made:
    """A tokenizer that was made for the run.

    :param keys: those of the config that have changed it.
    :param source: the folder of the base model's own.
    :param folder: of what came out.
    """

    keys: Mapping[str, Any]
    source: Path
    folder: Path


class KeptModel:
    """The base model of a run, as far as its stages were done with it.

    :param folder: the run's folder.
    """

    def __init__(self, folder: Path) -> None:
        self._file = folder / FILE
        self._tokenizer = folder / TOKENIZER_FOLDER

    def fetched(self, part: Part) -> FetchedModel | None:
        """What was fetched first; None where nothing was yet."""
        found = self._read().get(part)
        return FetchedModel(Artifact.parse(found["path"]), found["digest"]) if found else None

    def tokenizer(self, keys: Mapping[str, Any]) -> Path | None:
        """The folder of the tokenizer that was made with these keys; None where there is none."""
        made = self._read().get("made")
        return self._tokenizer if made and made["keys"] == _identity(keys) else None

    def keep(self, fetched: Mapping[Part, FetchedModel], made: Made | None) -> None:
        """Note what was fetched, and keep a copy of the tokenizer that was made."""
        before = self._read()
        parts = {str(part): {"path": str(item.path), "digest": item.digest} for part, item in fetched.items()}
        values = {**before, **parts}
        if made:
            with files.new_folder(self._tokenizer) as folder:
                files.copy_folder(made.folder, folder)
            values["made"] = {"keys": _identity(made.keys), "source": tokenizer_digest(made.source)}
        if values != before:
            self._write(values)  # last, so that the tokenizer counts when it is whole

    def fits(self, model: Path) -> bool:
        """Whether the tokenizer in a model's folder is the one that this run's was made of, as far as can be told."""
        made, found = self._read().get("made"), tokenizer_digest(model)
        is_complete = {"tokenizer.json", "tokenizer_config.json"} <= found.keys()
        return not (made and is_complete) or found in (made["source"], tokenizer_digest(self._tokenizer))

    def forget(self, tokenizer: bool) -> None:
        """Have what is fetched next taken as it is then.

        :param tokenizer: forget the tokenizer that was made, too.
        """
        kept = self._read()
        if tokenizer:
            files.remove(self._file)
            files.discard(self._tokenizer)
        elif kept:
            self._write({name: value for name, value in kept.items() if name == "made"})

    def _read(self) -> dict[str, Any]:
        return files.read_json(self._file) or {}

    def _write(self, values: Mapping[str, Any]) -> None:
        files.write_json(self._file, dict(values))


def _identity(keys: Mapping[str, Any]) -> str:
    """A key that is not set counts as one that was unknown then."""
    return files.sha256_of({key: value for key, value in keys.items() if value is not None})
