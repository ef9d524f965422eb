"""Where rows come from: the files that an entry of `datasets` or `test_datasets` means."""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from glob import has_magic
from pathlib import Path
from typing import TYPE_CHECKING, Any

from ftk.errors import UsageError

if TYPE_CHECKING:
    from ftk.config.resolved import Config

KINDS = {
    ".jsonl": "json",
    ".json": "json",
    ".csv": "csv",
    ".tsv": "csv",
    ".parquet": "parquet",
    ".arrow": "arrow",
    ".txt": "text",
}
"""How a file is read, by the ending of its name."""

COMPRESSED = (".gz", ".zst")
"""Endings that may follow those of kinds that are text."""

BOOKKEEPING = ("dataset_info.json", "dataset_infos.json", "dataset_dict.json", "state.json")
"""Files that the `datasets` library writes beside data."""

SPLITS = {
    "train": r"train(ing)?",
    "validation": r"valid(ation)?|val|dev",
    "test": r"test(ing)?|eval(uation)?",
}
"""The names by which the hub knows the split of a file, as words of its path."""

LOCATED = Path("/dev/null")
"""The root of paths that are located: those of this machine are absolute, and nothing lies below it."""

ELSEWHERE = "backend:"
"""How the path of data begins that lie where the run works, such as on a volume that its backend mounts."""

_ID = re.compile(r"[A-Za-z0-9][\w.-]*/[A-Za-z0-9][\w.-]*")


def kind_of(path: Path) -> str | None:
    """How a file is read, going by its name; None where that does not tell."""
    kind = KINDS.get(plain_suffix(path))
    return None if kind in ("parquet", "arrow") and path.suffix in COMPRESSED else kind


def plain_suffix(path: Path) -> str:
    """The ending of a file's name without the one of its compression."""
    return Path(path.stem).suffix if path.suffix in COMPRESSED else path.suffix


@dataclass(frozen=True)
class DataSet:
    """One entry of the config.

    :param key: `datasets` or `test_datasets`.
    :param number: its place in that list.
    :param entry: its keys.
    """

    key: str
    number: int
    entry: Mapping[str, Any]

    @property
    def path(self) -> str:
        """What the entry's `path` says."""
        return str(self.entry["path"])

    @property
    def is_elsewhere(self) -> bool:
        """Whether the entry names files where the run will work, which this machine may not have."""
        return self.path.startswith(ELSEWHERE)

    @property
    def split(self) -> str:
        """The split that is meant, without its part."""
        default = "train" if self.key == "datasets" else "test"
        return (self.entry.get("split") or default).partition("[")[0]

    @property
    def names(self) -> list[str]:
        """The entry's `data_files`."""
        given = self.entry.get("data_files") or []
        return [given] if isinstance(given, str) else list(given)

    def is_local(self, root: Path) -> bool:
        """Whether the data lie on this machine, from the folder `root`."""
        return exists(root / self.path)

    def is_on_hub(self, root: Path) -> bool:
        """Whether the entry names a data set of the hub."""
        return not self.is_local(root) and _ID.fullmatch(self.path) is not None and not kind_of(Path(self.path))

    def files(self, root: Path) -> list[Path]:
        """The files to read, of those that the path means.

        :param root: the folder from which the path counts.
        :raises UsageError: where there is none, or they are of several kinds.
        """
        path = root / self.path
        if path.is_file():
            self._refuse_other_split(path)
            return [path]
        return self.choose(path) if path.is_dir() else _matching(path)

    def choose(self, folder: Path) -> list[Path]:
        """The files to read of a folder: those that are named, or else all of the split.

        :raises UsageError: as `files`.
        """
        if self.names:
            return [file for name in self.names for file in _named(folder, name)]
        found = self._of_one_kind(folder, _data_files(folder))
        return self._of_split(folder, found)

    def _refuse_other_split(self, file: Path) -> None:
        """A file by itself is `train` to other tools, whatever its name; another split must not contradict the name.

        :raises UsageError: where it does.
        """
        wanted, told = _canonical(self.split), _split_of(Path(file.name))
        if self.entry.get("split") and wanted != "train" and told not in (None, wanted):
            message = f"the name {file.name} tells the split {told}, but `split` is {self.split}"
            raise UsageError(message, "name the other file, or remove `split`")

    def _of_one_kind(self, folder: Path, found: list[Path]) -> list[Path]:
        wanted = self.entry.get("ds_type")
        found = [file for file in found if wanted in (None, kind_of(file))]
        kinds = sorted({str(kind_of(file)) for file in found})
        if not found:
            what = f"no file of the `ds_type` {wanted}" if wanted else "no data file"
            raise UsageError(f"{folder} holds {what}", f"the endings known: {', '.join(KINDS)}")
        if len(kinds) > 1:
            raise UsageError(f"{folder} holds files of several kinds: {', '.join(kinds)}", "name one as `ds_type`")
        return found

    def _of_split(self, folder: Path, found: list[Path]) -> list[Path]:
        """The files of the split; where no name tells one, all."""
        splits = {file: _split_of(file.relative_to(folder)) for file in found}
        known = sorted({name for name in splits.values() if name})
        if not known:
            return found
        chosen = [file for file, name in splits.items() if name == _canonical(self.split)]
        if not chosen:
            message = f"{folder} has no split {self.split}, only {' and '.join(known)}"
            raise UsageError(message, f"name one of them as `split`: {known[0]}")
        if odd := next((file for file, name in splits.items() if name is None), None):
            message = f"{folder}: the names of some files tell a split, that of {odd.name} does not"
            raise UsageError(message, "name the files to read as `data_files`")
        return chosen


def data_sets(config: "Config") -> list[DataSet]:
    """All data sets of a config: those to train on, then those to evaluate on."""
    return [
        DataSet(key, number, entry)
        for key in ("datasets", "test_datasets")
        for number, entry in enumerate(config.get(key) or [])
    ]


def exists(path: Path) -> bool:
    """Whether there is such a file or folder, or a file that fits the path as a pattern."""
    return is_there(path) or (has_magic(str(path)) and bool(_fitting(path)))


def is_there(path: Path) -> bool:
    """Whether there is such a file or folder; a name that is too long for one is none."""
    try:
        return path.exists()
    except OSError:
        return False


def _fitting(pattern: Path) -> list[Path]:
    top = Path(pattern.anchor)
    return sorted(file for file in top.glob(str(pattern.relative_to(top))) if file.is_file())


def _matching(pattern: Path) -> list[Path]:
    found = _fitting(pattern)
    if not found and is_there(pattern):
        raise UsageError(f"{pattern} is no plain file", "write the rows to one first")
    if not found:
        raise UsageError(f"no file fits {pattern}", "correct the pattern")
    return found


def _named(folder: Path, name: str) -> list[Path]:
    file = folder / name
    if file.is_file():
        return [file]
    found = sorted(file for file in folder.glob(name) if file.is_file())
    if not found:
        raise UsageError(f"{folder} holds no file {name}", "correct data_files")
    return found


def _data_files(folder: Path) -> list[Path]:
    return sorted(
        file
        for file in folder.rglob("*")
        if file.is_file() and kind_of(file) and file.name not in BOOKKEEPING and not file.name.startswith(".")
    )


def _split_of(path: Path) -> str | None:
    words = re.split(r"[^a-z]+", path.as_posix().lower())
    return next(
        (name for name, words_of in SPLITS.items() if any(re.fullmatch(words_of, word) for word in words)), None
    )


def _canonical(split: str) -> str:
    return next((name for name, words in SPLITS.items() if re.fullmatch(words, split)), split)
