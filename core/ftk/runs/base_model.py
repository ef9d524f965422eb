"""What a run first had of its base model, kept in its folder: it has that to its end, whatever the source becomes."""

from collections.abc import Mapping
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


class BaseModel:
    """The base model of a run, as far as the run has had it.

    :param folder: the run's folder.
    """

    def __init__(self, folder: Path) -> None:
        self._file = folder / FILE
        self._tokenizer = folder / TOKENIZER_FOLDER

    def fetched(self, part: Part) -> FetchedModel | None:
        """What was fetched first; None where nothing was yet."""
        found = self._read().get(part)
        return FetchedModel(Artifact.parse(found["path"]), found["digest"]) if found else None

    def keep_fetched(self, part: Part, fetched: FetchedModel) -> None:
        """Note what was fetched."""
        self._write({**self._read(), part: {"path": str(fetched.path), "digest": fetched.digest}})

    def tokenizer(self, keys: Mapping[str, Any]) -> Path | None:
        """The folder of the tokenizer that was made with these keys; None where there is none."""
        made = self._read().get("made")
        return self._tokenizer if made and made["keys"] == _identity(keys) else None

    def keep_tokenizer(self, keys: Mapping[str, Any], source: Path, made: Path) -> Path:
        """Keep a copy of the tokenizer that was made, and give its folder.

        :param keys: those of the config that have changed it.
        :param source: the folder of the base model's own.
        :param made: the folder of what came out.
        """
        with files.new_folder(self._tokenizer) as folder:
            files.copy_folder(made, folder)
        # Last, so that the folder counts when it is whole.
        self._write({**self._read(), "made": {"keys": _identity(keys), "source": tokenizer_digest(source)}})
        return self._tokenizer

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
