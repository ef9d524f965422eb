"""Fill an entry of the cache: rows of all data sets become tokens, pass the gate, and are written by split."""

import json
import random
from collections import deque
from collections.abc import Iterable, Iterator, Mapping, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from pathlib import Path

from ftk.plugin import (
    SAMPLES_FILE,
    AnyRow,
    Flat,
    FtkError,
    ProblemsFound,
    RowError,
    RowTokenizer,
    Run,
    files,
    kind_of_data,
    length_of,
)
from ftk_formats.checking import row_problems
from ftk_formats.duplicates import Duplicates
from ftk_formats.gate import MaskGate
from ftk_formats.holding_out import number_held_out
from ftk_formats.source import Source
from ftk_formats.writing import Split, SplitWriter

MOST_ROWS = 100
"""Rows that are tokenised at a time: so few that their tokens stay in the processor's cache until they are written."""

MOST_CHARACTERS = 500_000
"""Fewer rows where they are long: while they are tokenised, they take some twenty times the memory of their text."""

MOST_AHEAD = 2
"""Batches that are tokenised, or wait for it, while one is written."""

COUNTS_FILE = "counts.json"

Sources = Mapping[Split, Sequence[Source]]


class _Builder:
    """What all rows pass through.

    :param run: the run.
    :param tokenizer: the base model's.
    """

    def __init__(self, run: Run, tokenizer: RowTokenizer) -> None:
        self.run = run
        self.tokenizer = tokenizer
        self.gate = MaskGate(tokenizer, run.config)
        self.duplicates = Duplicates(run.config["dataset_exact_deduplication"])
        self.row = 0

    def add(self, sources: Sequence[Source], writers: Sequence[SplitWriter], held_out: set[int]) -> None:
        """Write the rows of sources; those of the numbers `held_out`, from 0, with the second writer."""
        for place, row in self._tokenised(self._segments(sources)):
            for part in row.parts(self.run.config["sequence_len"]):
                admitted = self.gate.admit(part, place)
                if admitted and not self.duplicates.has(admitted):
                    writers[self.row in held_out].add(self.row + 1, admitted)
            self.row += 1

    def _tokenised(self, rows: Iterator[tuple[str, Flat]]) -> Iterator[tuple[str, AnyRow]]:
        """Each row's place and tokens. Batches are tokenised in another thread, while those before are written."""
        with ThreadPoolExecutor(1) as thread:
            ahead: deque[tuple[Sequence[str], Future[list[AnyRow]]]] = deque()
            for places, batch in _batches(rows):
                ahead.append((places, thread.submit(self.tokenizer.rows, batch)))
                if len(ahead) > MOST_AHEAD:
                    yield from _pairs(*ahead.popleft())
            for waiting in ahead:
                yield from _pairs(*waiting)

    def _segments(self, sources: Sequence[Source]) -> Iterator[tuple[str, Flat]]:
        """Each row's place and segments.

        :raises ProblemsFound: with all bad rows; `check` has told those that were on the person's machine.
        """
        train_on_inputs = self.run.config["train_on_inputs"]
        for source in (item.bound(self.tokenizer) for item in sources):
            for file, row in source.rows():
                try:
                    yield file.place(row.number), source.segments(row, train_on_inputs)
                except RowError:
                    most = self.run.config.ftk["data"]["max_problems"]
                    raise ProblemsFound(row_problems(source, train_on_inputs, most)) from None


def _pairs(places: Sequence[str], rows: Future[list[AnyRow]]) -> Iterator[tuple[str, AnyRow]]:
    return zip(places, rows.result(), strict=True)


def _batches(rows: Iterable[tuple[str, Flat]]) -> Iterator[tuple[list[str], list[Flat]]]:
    """The places and the rows of one batch after the other."""
    places: list[str] = []
    batch: list[Flat] = []
    length = 0
    for place, row in rows:
        places.append(place)
        batch.append(row)
        length += length_of(row)
        if len(batch) == MOST_ROWS or length >= MOST_CHARACTERS:
            yield places, batch
            places, batch, length = [], [], 0
    yield places, batch


def build(run: Run, sources: Sources, folder: Path, target: Path) -> None:
    """Write the rows of all sources.

    :param folder: of the tokenizer.
    :param target: an empty folder.
    :raises FtkError: when the rows would train badly, or none is left to train on.
    """
    tokenizer = RowTokenizer(folder)
    builder = _Builder(run, tokenizer)
    held_out = _held_out(sources[Split.TRAIN], run.config["val_set_size"], run.config["seed"])
    with (
        SplitWriter(target, Split.TRAIN, tokenizer) as train,
        SplitWriter(target, Split.EVAL, tokenizer) as held,
    ):
        builder.add(sources[Split.TRAIN], (train, held), held_out)
        builder.add(sources[Split.EVAL], (held,), set())
        builder.gate.close()
    if not train.rows:
        raise _nothing_left(builder, held.rows)
    counts = {
        "kind": kind_of_data(run.config.get("rl")),
        "train_rows": train.rows,
        "eval_rows": held.rows,
        "tokens": train.tokens,
        "trained_tokens": train.trained_tokens,
        "truncated_rows": builder.gate.truncated,
        "short_rows": builder.gate.short,
        "duplicate_rows": builder.duplicates.found,
    }
    files.write_json(target / COUNTS_FILE, counts)
    lines = [json.dumps(sample, ensure_ascii=False) + "\n" for sample in (*train.samples, *held.samples)]
    files.write_text(target / SAMPLES_FILE, "".join(lines))


def _nothing_left(builder: _Builder, held_out: int) -> FtkError:
    """Where all rows went, and what would keep some of them."""
    ways = (
        (held_out, "held out", "lower val_set_size"),
        (builder.gate.truncated, "longer than sequence_len", "raise sequence_len"),
        (builder.gate.short, "shorter than min_sample_len", "lower min_sample_len"),
        (builder.duplicates.found, "there already", "leave out dataset_exact_deduplication"),
    )
    told = "".join(f", {number} {way}" for number, way, _ in ways if number)
    remedies = " or ".join(remedy for number, _, remedy in ways if number)
    return FtkError(f"no row is left to train on: {builder.row} in all{told}", remedies or "name data with rows")


def _held_out(sources: Sequence[Source], size: float, seed: int) -> set[int]:
    """The numbers, from 0, of the rows that are not trained on.

    :param size: `val_set_size`.
    """
    if not size:
        return set()
    rows = sum(1 for source in sources for _ in source.rows())
    return set(random.Random(seed).sample(range(rows), number_held_out(size, rows)))
