"""From segments to token ids and labels."""

import json
from collections.abc import Callable
from pathlib import Path

import pytest
from tokenizers import Tokenizer, models, pre_tokenizers, processors

from ftk.config.resolved import Config
from ftk.config.schema import Schema
from ftk.data.formats import name_of_format, options_of_format
from ftk.data.rows import Segment
from ftk.data.tokenised import UNTRAINED, TokenisedRow
from ftk.data.tokenising import RowTokenizer
from ftk.errors import FtkError

WORDS = {word: number for number, word in enumerate(["<s>", "</s>", "ask", "say", "yes", "no", "?"])}
BOS, EOS = WORDS["<s>"], WORDS["</s>"]

Build = Callable[..., RowTokenizer]


@pytest.fixture
def build(tmp_path: Path) -> Build:
    """Makes a tokenizer of a few words; with `bos`, it puts one before whatever it encodes."""

    def make(bos: bool = False, **named: object) -> RowTokenizer:
        tokenizer = Tokenizer(models.WordLevel(WORDS, unk_token="?"))
        tokenizer.pre_tokenizer = pre_tokenizers.Whitespace()
        tokenizer.add_special_tokens(["<s>", "</s>"])
        if bos:
            tokenizer.post_processor = processors.TemplateProcessing("<s> $A", special_tokens=[("<s>", BOS)])
        tokenizer.enable_truncation(2)
        tokenizer.enable_padding(length=9)
        tokenizer.save(str(tmp_path / "tokenizer.json"))
        named = {"bos_token": "<s>", "eos_token": "</s>", **named}
        (tmp_path / "tokenizer_config.json").write_text(json.dumps(named))
        return RowTokenizer(tmp_path)

    return make


def ids(text: str) -> list[int]:
    """The ids of words."""
    return [WORDS[word] for word in text.split()]


def one(tokenizer: RowTokenizer, *segments: Segment) -> TokenisedRow:
    """A row, tokenised."""
    [row] = tokenizer.rows([segments])
    return row


PROMPT, ANSWER = Segment("ask ask ask", trained=False), Segment("say yes", trained=True, ends=True)


def test_only_the_trained_segment_is_labelled(build: Build) -> None:
    row = one(build(), PROMPT, ANSWER)
    assert row.input_ids == ids("ask ask ask say yes </s>")
    assert row.labels == [UNTRAINED] * 3 + ids("say yes </s>")
    assert row.answer_start == 3


def test_the_beginning_of_sequence_stands_once(build: Build) -> None:
    row = one(build(bos=True), PROMPT, ANSWER)
    assert row.input_ids == ids("<s> ask ask ask say yes </s>")
    assert row.labels == [UNTRAINED] * 4 + ids("say yes </s>")
    assert row.answer_start == 4


def test_it_stands_before_a_prompt_only(build: Build) -> None:
    row = one(build(bos=True), Segment("", trained=False), ANSWER)
    assert row.input_ids == ids("say yes </s>")
    assert row.answer_start == 0


def test_the_end_of_sequence_is_not_written_twice(build: Build) -> None:
    assert one(build(), Segment("say </s>", trained=True, ends=True)).input_ids == ids("say </s>")


def test_a_segment_that_does_not_end_gets_no_end(build: Build) -> None:
    assert one(build(), PROMPT).input_ids == ids("ask ask ask")


def test_a_trained_prompt_is_labelled_too(build: Build) -> None:
    row = one(build(), Segment("ask", trained=True), ANSWER)
    assert row.labels == row.input_ids


def test_empty_segments_give_no_tokens(build: Build) -> None:
    row = one(build(bos=True), Segment("", trained=True), Segment("", trained=True, ends=True))
    assert row == TokenisedRow([], [], 0)


def test_the_answer_starts_with_the_last_segment(build: Build) -> None:
    assert one(build(), PROMPT, ANSWER, Segment("ask", trained=False)).answer_start == 6


def test_rows_do_not_mix(build: Build) -> None:
    tokenizer = build(bos=True)
    rows = [[PROMPT, ANSWER], [ANSWER], [Segment("ask", trained=False), ANSWER]]
    assert tokenizer.rows(rows) == [one(tokenizer, *row) for row in rows]


def test_a_model_without_an_end_token_is_told_when_a_row_needs_one(build: Build) -> None:
    tokenizer = build(eos_token=None)
    assert one(tokenizer, PROMPT).input_ids == ids("ask ask ask")
    with pytest.raises(FtkError, match="names no end-of-sequence token"):
        one(tokenizer, ANSWER)


def test_special_tokens_may_be_described_by_mappings(build: Build) -> None:
    tokenizer = build(bos_token={"content": "<s>", "lstrip": False}, eos_token={"content": "</s>"})
    assert (tokenizer.bos, tokenizer.eos) == (BOS, EOS)


def test_ids_are_text_again(build: Build) -> None:
    tokenizer = build()
    assert tokenizer.text(ids("<s> say yes </s>")) == "say yes"
    assert tokenizer.text(ids("<s> say yes </s>"), with_specials=True) == "<s> say yes </s>"


def test_the_format_is_named_or_spelt_out_in_the_config() -> None:
    assert name_of_format({"type": "alpaca"}, None) == "alpaca"
    assert name_of_format({"type": {"field_output": "a"}}, None) == "user_defined"


class TemplateOptions:
    """A format with the options of a chat template."""

    name, revision = "talk", 1
    schema: Schema = {
        "type": "object",
        "properties": {"chat_template": {"type": "string"}, "chat_template_jinja": {"type": "string"}},
    }

    def segments(self, row: object, options: object, train_on_inputs: bool) -> list[Segment]:
        return []


@pytest.mark.parametrize(
    ("entry", "expected"),
    [
        ({}, {"chat_template": "chatml"}),
        ({"chat_template": "llama3"}, {"chat_template": "llama3"}),
        ({"chat_template_jinja": "own"}, {"chat_template_jinja": "own"}),
    ],
)
def test_a_template_of_a_data_set_takes_the_place_of_the_one_for_all(
    entry: dict[str, str], expected: dict[str, str]
) -> None:
    config = Config({"chat_template": "chatml"})
    assert options_of_format({"path": "x", "type": "talk", **entry}, TemplateOptions(), config) == expected
