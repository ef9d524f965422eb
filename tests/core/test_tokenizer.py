"""The tokenizer as a config changes it."""

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from transformers import AutoTokenizer

from ftk.config.schema import find_problems
from ftk.data.tokenizer import TOKENIZER, adapt, tokenizer_digest
from ftk.errors import UsageError
from ftk.testing.tiny_model import write_tiny_model

Adapt = Callable[..., Any]


@pytest.fixture
def source(tmp_path: Path) -> Path:
    """The folder of a tokenizer."""
    return write_tiny_model(tmp_path / "model")


@pytest.fixture
def adapted(source: Path, tmp_path: Path) -> Adapt:
    """Changes the tokenizer by keys of a config; transformers reads the result."""

    def change(**config: Any) -> Any:
        (tmp_path / "adapted").mkdir()
        adapt(source, tmp_path / "adapted", config)
        return AutoTokenizer.from_pretrained(tmp_path / "adapted")

    return change


def name(source: Path, **values: Any) -> None:
    """Change what the tokenizer's config names."""
    file = source / "tokenizer_config.json"
    file.write_text(json.dumps({**json.loads(file.read_text()), **values}))


def test_without_changes_it_is_the_same(source: Path, adapted: Adapt) -> None:
    before, after = AutoTokenizer.from_pretrained(source), adapted()
    assert after.get_vocab() == before.get_vocab()
    assert after("a </s> b").input_ids == before("a </s> b").input_ids


def test_new_tokens_follow_in_the_order_special_tokens_tokens_additional_ones(source: Path, adapted: Adapt) -> None:
    size = len(AutoTokenizer.from_pretrained(source))
    special = {"pad_token": "<pad>", "bos_token": "<s>", "additional_special_tokens": ["<x>"]}
    tokenizer = adapted(tokens=["<a>", "<b>"], special_tokens=special)
    assert [tokenizer.convert_tokens_to_ids(token) for token in ("<s>", "<pad>", "<a>", "<b>", "<x>")] == [
        size + number for number in range(5)
    ]
    assert (tokenizer.bos_token, tokenizer.pad_token, tokenizer.eos_token) == ("<s>", "<pad>", "</s>")
    assert [tokenizer.added_tokens_decoder[size + number].special for number in range(5)] == [1, 1, 0, 0, 1]
    assert tokenizer.tokenize("z<a>z") == ["z", "<a>", "z"]


def test_a_reserved_token_gets_another_text(adapted: Adapt) -> None:
    tokenizer = adapted(added_tokens_overrides={"0": "<over>"}, special_tokens={"eos_token": "<over>"})
    assert tokenizer.convert_tokens_to_ids("<over>") == tokenizer.eos_token_id == 0


def test_a_token_that_is_not_reserved_is_told(adapted: Adapt) -> None:
    with pytest.raises(UsageError, match="the token 7, which is none of the tokenizer's added tokens"):
        adapted(added_tokens_overrides={"7": "<over>"})


def test_what_is_no_id_of_a_token_is_told() -> None:
    schema = TOKENIZER["added_tokens_overrides"]
    assert list(find_problems({"128011": "<a>"}, schema, str)) == []
    for key in ("abc", "-1", "1.5", "²", ""):
        [problem] = find_problems({key: "<a>", "7": "<b>"}, schema, str, ("added_tokens_overrides",))
        wanted = "ids of tokens, each with its text"
        assert problem.message == f"`added_tokens_overrides` is {key!r}, but must be {wanted}"


def test_padding_is_done_with_the_end_of_sequence_where_nothing_else_is_named(source: Path, adapted: Adapt) -> None:
    name(source, pad_token=None)
    assert adapted().pad_token == "</s>"


def test_what_the_config_names_and_the_vocabulary_lacks_is_added(source: Path, adapted: Adapt) -> None:
    expected = {"10": {"content": "<ten>", "special": True}}
    name(source, unk_token="<none>", added_tokens_decoder=expected, extra_special_tokens=["<more>"])
    tokenizer = adapted()
    assert all(tokenizer.convert_tokens_to_ids(token) >= 257 for token in ("<none>", "<ten>", "<more>"))


def test_an_older_tokenizer_keeps_its_special_tokens_in_another_file(source: Path, adapted: Adapt) -> None:
    (source / "special_tokens_map.json").write_text(json.dumps({"cls_token": {"content": "<cls>", "lstrip": False}}))
    assert adapted().cls_token == "<cls>"


def test_the_template_goes_with_it(source: Path, adapted: Adapt) -> None:
    name(source, chat_template=[{"name": "default", "template": "old"}, {"name": "rag", "template": "other"}])
    tokenizer = adapted(chat_template="chatml")
    text = tokenizer.apply_chat_template([{"role": "user", "content": "hi"}], tokenize=False)
    assert text == "<|im_start|>user\nhi<|im_end|>\n"


def test_its_own_template_stays(source: Path, adapted: Adapt) -> None:
    name(source, chat_template="mine")
    assert adapted().chat_template == "mine"


def test_the_identity_is_that_of_everything_that_makes_it(source: Path) -> None:
    before = tokenizer_digest(source)
    (source / "config.json").write_text("{}")
    assert tokenizer_digest(source) == before
    (source / "chat_template.jinja").write_text("x")
    assert tokenizer_digest(source) != before


def test_an_older_llamas_tokenizer_says_itself_what_its_class_means(source: Path, adapted: Adapt) -> None:
    content = json.loads((source / "tokenizer.json").read_text())
    content["normalizer"] = {"type": "Prepend", "prepend": "▁"}
    (source / "tokenizer.json").write_text(json.dumps(content))
    name(source, tokenizer_class="LlamaTokenizer", legacy=True)
    tokenizer = adapted()
    state = json.loads(tokenizer.backend_tokenizer.to_str())
    assert (state["normalizer"], state["pre_tokenizer"]["prepend_scheme"]) == (None, "always")
