"""Tokenised rows of every kind are read back, drawn and counted."""

import re
from pathlib import Path
from typing import Any

import click
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from tokenizers import Tokenizer, decoders, models, pre_tokenizers

from ftk.artifacts import Artifact, StagedData
from ftk.cli.drawing import draw_left_out, draw_row, draw_statistics
from ftk.cli.inspect import _chosen
from ftk.config.resolved import Config
from ftk.data.inspection import Staged
from ftk.data.staged_rows import Part, StagedRow, read_rows
from ftk.data.statistics import Bar, count
from ftk.data.token_texts import TokenTexts
from ftk.data.tokenised import COLUMNS, UNTRAINED
from ftk.errors import UsageError

SFT = [
    {"input_ids": [5, 6, 7], "labels": [UNTRAINED, 6, 7]},
    {"input_ids": [5, 6, 7], "labels": [UNTRAINED, 6, 7]},
    {"input_ids": [5] * 12, "labels": [UNTRAINED] * 11 + [5]},
]
PAIRS = [{"prompt_ids": [5], "chosen_ids": [6, 7], "rejected_ids": [8]}]
UNPAIRED = [{"prompt_ids": [5], "completion_ids": [6], "label": False}]


@pytest.fixture
def texts(tmp_path: Path) -> TokenTexts:
    """A tokenizer of bytes: 0 ends a text, 5 to 8 are `%&'(`."""
    tokenizer = Tokenizer(models.BPE(alphabet(), []))
    tokenizer.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    tokenizer.decoder = decoders.ByteLevel()
    tokenizer.add_special_tokens(["</s>"])
    tokenizer.save(str(tmp_path / "tokenizer.json"))
    return TokenTexts(tmp_path)


def alphabet() -> dict[str, int]:
    tokens = ["</s>", *sorted(pre_tokenizers.ByteLevel.alphabet())]
    return {token: number for number, token in enumerate(tokens)}


def staged(folder: Path, rows: list[Any], kind: Any = "sft", numbers: list[int] | None = None, **counts: int) -> Staged:
    """Staged data of these rows, all of them to train on."""
    columns = {name: [row.get(name, "") for row in rows] for name in COLUMNS[kind] if name in rows[0]}
    pq.write_table(pa.table(columns), folder / "train.parquet")
    if numbers:
        pq.write_table(pa.table({"row": numbers}), folder / "train-rows.parquet")
    data = StagedData(Artifact("run", "x"), "d", len(rows), 0, 0, 0, counts.pop("truncated_rows", 0), kind, **counts)
    return Staged(data, Config({"sequence_len": 16}), folder, lambda name: (folder / name).open("rb"))


def test_rows_are_known_by_their_number_in_the_data(tmp_path: Path) -> None:
    given = staged(tmp_path, SFT, numbers=[2, 3, 9])
    assert [row.number for row in read_rows(given, "train", lambda number: number > 2)] == [3, 9]


def test_without_their_numbers_they_are_counted(tmp_path: Path) -> None:
    assert [row.number for row in read_rows(staged(tmp_path, SFT), "train", lambda number: True)] == [1, 2, 3]


def numbers_chosen(given: Staged, texts: TokenTexts, *numbers: int, grep: str | None = None) -> list[int]:
    """The numbers of the rows that are shown, with a limit of 1."""
    return [row.number for row in _chosen(given, texts, numbers, grep, 1)]


def test_rows_that_are_named_are_all_shown(tmp_path: Path, texts: TokenTexts) -> None:
    given = staged(tmp_path, [*SFT, *SFT], numbers=[1, 1, 1, 1, 2, 4])  # the first was divided
    assert numbers_chosen(given, texts, 1, 2) == [1, 1, 1, 1, 2]
    assert numbers_chosen(given, texts) == [1]
    with pytest.raises(UsageError, match="there is no row 3, 5 among"):
        numbers_chosen(given, texts, 2, 3, 5)


def test_a_row_that_is_named_and_lacks_the_text_is_not_missing(tmp_path: Path, texts: TokenTexts) -> None:
    given = staged(tmp_path, SFT)
    assert numbers_chosen(given, texts, 1, 3, grep="%%") == [3]
    assert numbers_chosen(given, texts, 1, grep="zzzz") == []
    with pytest.raises(UsageError, match="there is no row 4 among"):
        numbers_chosen(given, texts, 4, grep="zzzz")


def test_pairs_are_drawn_part_by_part(tmp_path: Path, texts: TokenTexts) -> None:
    [row] = read_rows(staged(tmp_path, PAIRS, "preference"), "train", lambda number: True)
    assert click.unstyle("\n".join(draw_row(row, texts, ids=True))).splitlines() == [
        "row 1, to train on: 4 tokens, 3 of them trained",
        *("prompt:", "%(5)"),
        *("chosen:", "«&(6)|'(7)»"),
        *("rejected:", "«((8)»"),
    ]


def test_trained_tokens_alone_are_green(texts: TokenTexts) -> None:
    row = StagedRow("train", 1, [Part("", [5, 6, 7, 5], [False, True, True, False])])
    drawn = list(draw_row(row, texts, ids=False))[1]
    assert re.findall(r"\x1b\[32m(?:\x1b\[\d+m)*(.)", drawn) == ["&", "'"]
    assert click.unstyle(drawn) == "%«&|'»%"


def test_an_unwanted_completion_is_told_so(tmp_path: Path, texts: TokenTexts) -> None:
    [row] = read_rows(staged(tmp_path, UNPAIRED, "unpaired"), "train", lambda number: True)
    assert click.unstyle(next(draw_row(row, texts, ids=False))) == (
        "row 1, to train on, unwanted: 2 tokens, 1 of them trained"
    )


def test_characters_that_nobody_would_see_are_shown(texts: TokenTexts) -> None:
    newline, tab, end = 199, 198, 0
    for token, shown in ((newline, "⏎\n"), (tab, "⇥"), (end, "</s>")):
        row = StagedRow("train", 1, [Part("", [5, token, 5], [False, True, False])])
        drawn = click.unstyle(list(draw_row(row, texts, ids=False))[1])
        assert drawn == f"%«{shown}»%", token


def test_a_character_of_several_tokens_stands_with_the_last(texts: TokenTexts) -> None:
    ids = [alphabet()[byte] for byte in "Ã¼"]
    assert texts.each([5, *ids, 5]) == ["%", "", "ü", "%"]
    assert texts.whole([5, *ids, 0]) == "%ü</s>"


def test_the_figures_are_counted(tmp_path: Path) -> None:
    given = staged(tmp_path, SFT, truncated_rows=4, short_rows=5)
    found = count(given)
    assert (found.tokens, found.trained, found.duplicates) == (18, 5, 1)
    assert (found.shortest, found.median, found.longest) == (3, 3, 12)
    assert [bar for bar in found.histogram if bar.rows] == [Bar(3, 3, 2), Bar(12, 12, 1)]
    lines = list(draw_statistics(found, 16))
    assert lines[1] == "tokens      18, of which 5 (28%) are trained"
    assert lines[4].endswith(f"{'█' * 40}       2")
    assert lines[-1].endswith(f"{'█' * 20}{' ' * 20}       1")
    assert list(draw_left_out(given.data)) == ["left out    4 longer than sequence_len, 5 shorter than min_sample_len"]
