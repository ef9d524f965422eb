"""The chat template of questions: a served question has the token ids that it had in training."""

from pathlib import Path
from typing import Any

import pytest
from tokenizers import Tokenizer, decoders, models, normalizers, pre_tokenizers, processors
from transformers import AutoTokenizer, PreTrainedTokenizerFast

from ftk.data.formats import Turns
from ftk.data.rows import Segment
from ftk.data.tokenising import RowTokenizer
from ftk.data.turns import write_template

SPECIAL = ["<s>", "</s>"]

BYTES = ["▁", *sorted(pre_tokenizers.ByteLevel.alphabet()), *map(chr, range(32, 127)), "\n"]

BOS, BOTH = "<s> $A", "<s> $A </s>"

TOKENIZERS: dict[str, tuple[Any, Any, str]] = {
    "bytes": (None, pre_tokenizers.ByteLevel(add_prefix_space=False), "$A"),
    "bytes after a beginning": (None, pre_tokenizers.ByteLevel(add_prefix_space=False), BOS),
    "bytes after a blank": (None, pre_tokenizers.ByteLevel(add_prefix_space=True), BOS),
    "between a beginning and an end": (None, pre_tokenizers.ByteLevel(add_prefix_space=False), BOTH),
    "a blank before the first word": (None, pre_tokenizers.Metaspace(prepend_scheme="first", split=False), BOS),
    "a blank before each piece": (None, pre_tokenizers.Metaspace(prepend_scheme="always", split=False), BOS),
    "a blank by the normalizer": (
        normalizers.Sequence([normalizers.Prepend("▁"), normalizers.Replace(" ", "▁")]),
        None,
        BOS,
    ),
    "a blank by the normalizer alone": (
        normalizers.Sequence([normalizers.Prepend("▁"), normalizers.Replace(" ", "▁")]),
        None,
        "$A",
    ),
}

FORMS = {
    "instruction": Turns("[INST] ", " [/INST]"),
    "nothing before": Turns("", " "),
    "lines": Turns("\n### User:\n", "\n\n### Answer:\n", "Be {{ brief }}.", "### System:\n", "\n\n"),
    "an empty frame": Turns("Q: ", "\nA:", "", "<<", ">>", "<<>>"),
    "names in it": Turns('<BEFORE> "', '" <END> \\n </s>'),
}

QUESTIONS = ("what is 1?", " two  blanks", "\nlines\n", "{{ 1 }} {% if %}", "</s> 'quotes\"", "<s>")


@pytest.fixture(params=TOKENIZERS)
def folder(request: pytest.FixtureRequest, tmp_path: Path) -> Path:
    """The folder of a tokenizer, which puts something around a text."""
    normalizer, splitter, single = TOKENIZERS[request.param]
    vocabulary = {token: number for number, token in enumerate(dict.fromkeys([*SPECIAL, *BYTES]))}
    tokenizer = Tokenizer(models.BPE(vocabulary, []))
    if normalizer:
        tokenizer.normalizer = normalizer
    if splitter:
        tokenizer.pre_tokenizer = splitter
    tokenizer.decoder = decoders.Fuse()
    tokenizer.add_special_tokens(SPECIAL)
    numbers = [(token, vocabulary[token]) for token in SPECIAL]
    tokenizer.post_processor = processors.TemplateProcessing(single=single, special_tokens=numbers)
    PreTrainedTokenizerFast(tokenizer_object=tokenizer, bos_token="<s>", eos_token="</s>").save_pretrained(tmp_path)
    return tmp_path


def trained(turns: Turns, question: str, folder: Path) -> list[int]:
    """The token ids of a question as training had them."""
    frame = turns.before_system + turns.system + turns.after_system if turns.system else turns.without_system
    (row,) = RowTokenizer(folder).rows([[Segment(frame + turns.before + question + turns.after, trained=False)]])
    return list(row.input_ids)


@pytest.mark.parametrize("turns", FORMS.values(), ids=FORMS)
def test_a_question_has_the_token_ids_of_training(folder: Path, turns: Turns) -> None:
    write_template(turns, folder)
    tokenizer = AutoTokenizer.from_pretrained(folder)
    for question in QUESTIONS:
        messages = [{"role": "user", "content": question}]
        served = tokenizer.apply_chat_template(messages, add_generation_prompt=True, return_dict=False)
        assert served == trained(turns, question, folder), question


def test_a_conversation_goes_on_in_the_same_form(tmp_path: Path, folder: Path) -> None:
    write_template(FORMS["lines"], folder)
    tokenizer = AutoTokenizer.from_pretrained(folder)
    tokenizer.bos_token = None
    said = [
        {"role": "system", "content": "Be long."},
        {"role": "user", "content": "1?"},
        {"role": "assistant", "content": "one"},
        {"role": "user", "content": "2?"},
    ]
    text = tokenizer.apply_chat_template(said, tokenize=False)
    first = "### System:\nBe long.\n\n\n### User:\n1?\n\n### Answer:\none</s>"
    assert text.removeprefix("<s>").lstrip(" ").replace("Answer:\n</s>one", "Answer:\none").startswith(first)
    assert "\n### User:\n2?\n\n### Answer:\n" in text
    assert "brief" not in text


def test_what_training_did_not_have_is_refused(folder: Path) -> None:
    write_template(FORMS["lines"], folder)
    tokenizer = AutoTokenizer.from_pretrained(folder)
    with pytest.raises(Exception, match="this model was trained on a system prompt, questions of a user and answers"):
        tokenizer.apply_chat_template([{"role": "tool", "content": "1"}], tokenize=False)
