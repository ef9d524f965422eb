"""Draw tokenised rows and figures of them as text."""

from collections.abc import Iterator
from typing import Any

import click

from ftk.artifacts import StagedData
from ftk.data.staged_rows import Part, StagedRow
from ftk.data.statistics import Statistics
from ftk.data.token_texts import TokenTexts

VISIBLE = {"\n": "⏎\n", "\t": "⇥", "\r": "␍"}
"""How characters are shown that nobody would see."""

BAR = 40
"""Characters of the longest bar."""

SPLITS = {"train": "to train on", "eval": "held out"}


def draw_row(row: StagedRow, texts: TokenTexts, ids: bool) -> Iterator[str]:
    """A row token by token, `|` between them, trained ones between `«` and `»`, and green where there are colours.

    :param ids: write each token's id behind it.
    """
    tokens = sum(len(part.ids) for part in row.parts)
    trained = sum(map(sum, (part.trained for part in row.parts)))
    label = "" if row.label is None else ", wanted" if row.label else ", unwanted"
    title = f"row {row.number}, {SPLITS[row.split]}{label}: {tokens} tokens, {trained} of them trained"
    yield click.style(title, bold=True)
    for part in row.parts:
        if part.name:
            yield click.style(f"{part.name}:", bold=True)
        yield _draw_part(part, texts, ids)


def _draw_part(part: Part, texts: TokenTexts, ids: bool) -> str:
    drawn = ""
    before = False
    for token, text, trained in zip(part.ids, texts.each(part.ids), part.trained, strict=True):
        mark = {(False, True): "«", (True, False): "»"}.get((before, trained), "")
        drawn += mark or (click.style("|", dim=True) if drawn else "")
        shown = _draw_token(text, fg="green" if trained else None, bold=token in texts.added)
        number = click.style(f"({token})", dim=True) if ids else ""
        # The id comes before the line ends.
        drawn += shown.removesuffix("\n") + number + "\n" * shown.endswith("\n")
        before = trained
    return drawn + ("»" if before else "")


def _draw_token(text: str, **style: Any) -> str:
    visible = "".join(VISIBLE.get(character, character) for character in text)
    return click.style(visible.removesuffix("\n"), **style) + "\n" * visible.endswith("\n")


def draw_statistics(statistics: Statistics, sequence_len: int) -> Iterator[str]:
    """The figures, and the lengths as bars."""
    share = statistics.trained / max(statistics.tokens, 1)
    yield f"rows        {statistics.train_rows:,} to train on, {statistics.eval_rows:,} held out"
    yield f"tokens      {statistics.tokens:,}, of which {statistics.trained:,} ({share:.0%}) are trained"
    yield f"duplicates  {statistics.duplicates:,} rows are equal to one before them"
    yield (
        f"lengths     {statistics.shortest:,} to {statistics.longest:,} tokens, half of them at most"
        f" {statistics.median:,}; sequence_len is {sequence_len:,}"
    )
    most = max(bar.rows for bar in statistics.histogram)
    for bar in statistics.histogram:
        length = -(-bar.rows * BAR // most)
        yield f"  {bar.first:>6,} to {bar.last:>6,}  {'█' * length:<{BAR}} {bar.rows:>7,}"


def draw_left_out(data: StagedData) -> Iterator[str]:
    """How many rows are not trained as they are, where there are any."""
    counts = {
        "longer than sequence_len": data.truncated_rows,
        "shorter than min_sample_len": data.short_rows,
        "duplicates": data.duplicate_rows,
    }
    told = [f"{number:,} {what}" for what, number in counts.items() if number]
    if told:
        yield f"left out    {', '.join(told)}"
