"""Tokenise the rows of all data sets once and keep them in the cache, with a copy in the run."""

import json
import random
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from ftk.plugin import (
    SAMPLES_FILE,
    Artifact,
    DatasetFormat,
    FtkError,
    ProblemsFound,
    RowError,
    RowTokenizer,
    Run,
    Segment,
    StagedData,
    complete,
    files,
    format_of,
)
from ftk_formats.gate import MaskGate
from ftk_formats.rows import read_rows, row_problem
from ftk_formats.writing import Split, SplitWriter

REVISION = 1
"""Raised when the same rows would give other tokens or files."""

BATCH = 1000
"""Rows that are tokenised, and held in memory, at a time."""

COUNTS_FILE = "counts.json"


@dataclass(frozen=True)
class Source:
    """One data set of the config.

    :param file: in the run's folder.
    :param form: its format.
    :param options: the format's options, with defaults.
    """

    file: Path
    form: DatasetFormat
    options: Mapping[str, Any]


def stage_data(run: Run) -> StagedData:
    """Tokenise what is not in the cache yet, and copy it into the run."""
    tokenizer = run.path(run.tokenizer())
    sources = _sources(run)
    inputs = _inputs(run, sources, tokenizer)
    entry = run.cached("data", inputs, lambda folder: _build(run, sources, tokenizer, run.path(folder)))
    _copy(run, entry)
    counts = files.read_json(run.path(entry / COUNTS_FILE))
    return StagedData(run.prepared_folder, digest=files.sha256_of(inputs), **counts)


def _sources(run: Run) -> list[Source]:
    formats = run.dataset_formats()
    found = []
    for file, dataset in zip(run.data_files(), run.config["datasets"], strict=True):
        name, options = format_of(dataset["type"])
        found.append(Source(file, formats[name], complete(options, formats[name].schema)))
    return found


def _inputs(run: Run, sources: Sequence[Source], tokenizer: Path) -> dict[str, Any]:
    """Everything that decides the tokens; the names of the files do not."""
    keys = ("sequence_len", "val_set_size", "train_on_inputs", "seed")
    return {
        "revision": REVISION,
        "tokenizer": [files.sha256(tokenizer / name) for name in ("tokenizer.json", "tokenizer_config.json")],
        "sources": [
            [files.sha256(item.file), item.form.name, item.form.revision, dict(item.options)] for item in sources
        ],
        "config": {key: run.config[key] for key in keys},
        "limits": dict(run.config.ftk["data"]),
    }


def _copy(run: Run, entry: Artifact) -> None:
    with files.new_folder(run.path(run.prepared_folder)) as folder:
        for item in run.path(entry).iterdir():
            files.link_file(item, folder / item.name)


def _build(run: Run, sources: Sequence[Source], folder: Path, target: Path) -> None:
    tokenizer = RowTokenizer(folder)
    gate = MaskGate(tokenizer, run.config["sequence_len"], run.config.ftk["data"])
    held_out = _held_out(_count(sources), run.config["val_set_size"], run.config["seed"])
    with SplitWriter(target, Split.TRAIN, tokenizer) as train, SplitWriter(target, Split.EVAL, tokenizer) as held:
        number = 0
        for batch in _batches(_segments(sources, run.config["train_on_inputs"])):
            tokenised = tokenizer.rows([segments for _, segments in batch])
            for (place, _), row in zip(batch, tokenised, strict=True):
                if gate.admits(row, place):
                    (held if number in held_out else train).add(number + 1, row)
                number += 1
        gate.close()
    if not train.rows:
        raise FtkError(
            f"val_set_size {run.config['val_set_size']:g} holds out every row that is short enough",
            "lower val_set_size or raise sequence_len",
        )
    counts = {
        "train_rows": train.rows,
        "eval_rows": held.rows,
        "tokens": train.tokens,
        "trained_tokens": train.trained_tokens,
        "truncated_rows": gate.truncated,
    }
    files.write_json(target / COUNTS_FILE, counts)
    lines = [json.dumps(sample, ensure_ascii=False) + "\n" for sample in (*train.samples, *held.samples)]
    files.write_text(target / SAMPLES_FILE, "".join(lines))


def _count(sources: Sequence[Source]) -> int:
    return sum(1 for source in sources for _ in read_rows(source.file))


def _held_out(rows: int, size: float, seed: int) -> set[int]:
    """The numbers, from 0, of the rows that are not trained on.

    :param size: their share when below 1, else their number.
    """
    number = round(rows * size) if size < 1 else int(size)
    if number >= rows:
        raise FtkError(f"val_set_size {size:g} holds out all {rows} rows", "lower it; a value below 1 is a share")
    return set(random.Random(seed).sample(range(rows), number))


def _segments(sources: Sequence[Source], train_on_inputs: bool) -> Iterator[tuple[str, Sequence[Segment]]]:
    """Each row's place and segments.

    :raises ProblemsFound: at the first bad row; `check` has told all of them, unless the file has changed since.
    """
    for source in sources:
        for row in read_rows(source.file):
            try:
                if isinstance(row.fields, RowError):
                    raise row.fields
                segments = source.form.segments(row.fields, source.options, train_on_inputs)
            except RowError as error:
                raise ProblemsFound([row_problem(source.file.name, row.line, error)]) from None
            yield f"{source.file.name}:{row.line}", segments


def _batches(
    rows: Iterator[tuple[str, Sequence[Segment]]],
) -> Iterator[list[tuple[str, Sequence[Segment]]]]:
    batch: list[tuple[str, Sequence[Segment]]] = []
    for row in rows:
        batch.append(row)
        if len(batch) == BATCH:
            yield batch
            batch = []
    if batch:
        yield batch
