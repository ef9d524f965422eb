"""One data set of the config with its files and its format: an iterator of rows and of their segments."""

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from itertools import islice
from pathlib import Path
from typing import Any

from ftk.plugin import (
    Config,
    DataSet,
    DatasetFormat,
    Flat,
    FtkError,
    RowError,
    RowTokenizer,
    UsageError,
    bind,
    kind_of,
    name_of_format,
    options_of_format,
)
from ftk_formats.row import Row
from ftk_formats.rows import DataFile

MOST_DIGITS = 18
"""Digits of a row's number that are read; with as many it is behind the last row of any file."""

_PART = re.compile(r".*\[(?:(\d+)(%?))?:(?:(\d+)(%?))?\]")


@dataclass(frozen=True)
class Source:
    """A data set, ready to be read.

    :param name: by which a person knows it.
    :param files: its files, in order.
    :param part: what its `split` says, such as `train[:500]`; empty for all rows.
    :param form: its format.
    :param options: the format's options, with defaults.
    """

    name: str
    files: Sequence[DataFile]
    part: str
    form: DatasetFormat
    options: Mapping[str, Any]

    def rows(self) -> Iterator[tuple[DataFile, Row]]:
        """Its rows, each with its file."""
        match = _PART.fullmatch(self.part)
        if match is None:
            return self._all_rows()
        total = self._count() if "%" in self.part else 0
        first, last = (_place(match[number], match[number + 1], total) for number in (1, 3))
        return islice(self._all_rows(), first, last)

    def segments(self, row: Row, train_on_inputs: bool) -> Flat:
        """The segments of one of its rows.

        :raises RowError: when the row is broken or does not fit the format.
        """
        fields = row.fields
        if isinstance(fields, RowError):
            raise fields
        try:
            return self.form.segments(fields, self.options, train_on_inputs)
        except (RowError, FtkError):
            raise
        except Exception as error:  # the format may be a stranger's, whose bug is no fault of this plugin
            message = f"the format {self.form.name} raised {type(error).__name__}: {error}"
            raise RowError(message, "a bug of the plugin that brings the format") from error

    def bound(self, tokenizer: RowTokenizer) -> "Source":
        """The source as it works with a tokenizer.

        :raises UsageError: when the tokenizer cannot serve its format.
        """
        return replace(self, form=bind(self.form, tokenizer, self.options))

    def _all_rows(self) -> Iterator[tuple[DataFile, Row]]:
        return ((file, row) for file in self.files for row in file.rows())

    def _count(self) -> int:
        return sum(1 for _ in self._all_rows())


def _place(number: str | None, percent: str | None, total: int) -> int | None:
    if number is None:
        return None
    place = int(number.lstrip("0")[:MOST_DIGITS] or "0")
    return min(round(total * place / 100), total) if percent else place


def make_source(
    item: DataSet, paths: Sequence[Path], base: Path, config: Config, formats: Mapping[str, DatasetFormat]
) -> Source:
    """The source that an entry of the config is.

    :param paths: the files to read.
    :param base: the folder from which they are named, where they lie in it.
    :raises UsageError: when a file's name does not tell how it is read.
    """
    form = formats[name_of_format(item.entry, config.get("rl"))]
    files = [DataFile(path, _kind(path, item.entry), _name(path, base)) for path in paths]
    return Source(item.path, files, item.entry.get("split") or "", form, options_of_format(item.entry, form, config))


def _name(path: Path, base: Path) -> str:
    return str(path.relative_to(base) if path.is_relative_to(base) else path)


def _kind(path: Path, entry: Mapping[str, Any]) -> str:
    kind = entry.get("ds_type") or kind_of(path)
    if kind is None:
        message = f"the name {path.name} does not tell how the file is read"
        raise UsageError(message, "say it: `ds_type: json`, csv, parquet, arrow or text")
    return "document" if kind == "text" and entry.get("sample_by") == "document" else str(kind)
