"""Conversations: what is trained of them, and what is wrong with them."""

from collections.abc import Callable, Sequence
from typing import Any

import pytest

from ftk.plugin import UNTRAINED, RowError, RowTokenizer, TokenisedRow, UsageError, bind, complete
from ftk.testing.tiny_model import write_tiny_model
from ftk_formats.chat import Chat

FORM = Chat()

TALK = [
    {"role": "system", "content": "brief"},
    {"role": "user", "content": "one?"},
    {"role": "assistant", "content": "uno"},
    {"role": "user", "content": "two?"},
    {"role": "assistant", "content": "dos"},
]

TEMPLATE = "{% for m in messages %}[{{ m.role }}]{{ m.content }}{{ eos_token }}{% endfor %}"

Learn = Callable[..., str]


def nested(depth: int) -> Any:
    """A list in a list, and so on."""
    value: list[Any] = []
    for _ in range(depth):
        value = [value]
    return value


@pytest.fixture(scope="module")
def tokenizer(tmp_path_factory: pytest.TempPathFactory) -> RowTokenizer:
    """A tokenizer whose tokens are characters, with `</s>` at the end."""
    return RowTokenizer(write_tiny_model(tmp_path_factory.mktemp("model") / "model"))


def options_of(**options: Any) -> dict[str, Any]:
    """Options with defaults."""
    given = {"chat_template": "jinja", "chat_template_jinja": TEMPLATE, **options}
    return dict(complete(given, FORM.schema))


@pytest.fixture
def tokens(tokenizer: RowTokenizer) -> Callable[..., TokenisedRow]:
    """A conversation as tokens."""

    def make(messages: Any = TALK, train_on_inputs: bool = False, row: Any = None, **options: Any) -> TokenisedRow:
        given = options_of(**options)
        flat = bind(FORM, tokenizer, given).segments(row or {"messages": messages}, given, train_on_inputs)
        assert isinstance(flat, TokenisedRow)
        return flat

    return make


@pytest.fixture
def learned(tokens: Callable[..., TokenisedRow], tokenizer: RowTokenizer) -> Learn:
    """What is trained of a conversation, as text; what is not in between is one dot."""

    def make(*arguments: Any, **options: Any) -> str:
        row = tokens(*arguments, **options)
        text = "".join(
            tokenizer.text([token], True) if label != UNTRAINED else "\0"
            for token, label in zip(row.input_ids, row.labels, strict=True)
        )
        return ".".join(part for part in text.split("\0") if part)

    return make


def test_the_assistants_answers_and_their_ends_are_trained(learned: Learn) -> None:
    assert learned() == "uno</s>.dos</s>"


@pytest.mark.parametrize(
    ("options", "expected"),
    [
        ({"train_on_eos": "none"}, "uno.dos"),
        ({"train_on_eos": "last"}, "uno.dos</s>"),
        ({"train_on_eos": "all"}, "</s>.</s>.uno</s>.</s>.dos</s>"),
        ({"roles_to_train": ["user"]}, "one?</s>.two?</s>"),
        ({"roles_to_train": ["human"]}, "one?</s>.two?</s>"),
        ({"train_on_inputs": True}, "brief</s>.one?</s>.uno</s>.two?</s>.dos</s>"),
        ({"train_on_inputs": True, "drop_system_message": True}, "one?</s>.uno</s>.two?</s>.dos</s>"),
    ],
)
def test_the_options_decide_what_is_trained(learned: Learn, options: Any, expected: str) -> None:
    assert learned(**options) == expected


def test_the_prompt_is_everything_before_the_last_trained_answer(
    tokens: Callable[..., TokenisedRow], tokenizer: RowTokenizer
) -> None:
    prompt, answer = tokens().sample
    assert tokenizer.text(prompt, True).endswith("[user]two?</s>[assistant]")
    assert tokenizer.text(answer, True) == "dos</s>"


def test_messages_may_have_other_names(learned: Learn) -> None:
    row = {"talk": [{"from": "human", "value": "one?"}, {"from": "gpt", "value": "uno"}]}
    mapped = {"message_property_mappings": {"role": "from", "content": "value"}}
    older = {"message_field_role": "from", "message_field_content": "value"}
    assert learned(row=row, field_messages="talk", **mapped) == "uno</s>"
    assert learned(row=row, field_messages="talk", **older) == "uno</s>"


def test_roles_may_be_mapped(learned: Learn) -> None:
    talk = [{"role": "q", "content": "one?"}, {"role": "a", "content": "uno"}]
    assert learned(talk, roles={"user": ["q"], "assistant": ["a"]}) == "uno</s>"


def test_messages_may_say_themselves_what_is_trained(learned: Learn) -> None:
    detail = [{"begin_offset": 0, "end_offset": 0, "train": True}, {"begin_offset": 1, "end_offset": 2, "train": False}]
    talk = [{**TALK[1], "learn": True}, {**TALK[2], "learn": False}, TALK[3], {**TALK[4], "parts": detail}]
    options = {"message_field_training": "learn", "message_field_training_detail": "parts"}
    assert learned(talk, **options) == "one?</s>.d.</s>"


def test_the_template_gets_what_else_a_message_holds(
    tokens: Callable[..., TokenisedRow], tokenizer: RowTokenizer
) -> None:
    template = "{{ tools | tojson }}{% for m in messages %}{{ m.content }}({{ m.name }}){{ size }}{% endfor %}"
    row = {"messages": [{**TALK[1], "name": "Eve"}, TALK[2]], "tools": '["t"]'}
    found = tokens(row=row, chat_template_jinja=template, chat_template_kwargs={"size": 3})
    assert tokenizer.text(found.input_ids) == '["t"]one?(Eve)3uno()3'


def test_a_template_is_never_told_to_ask_of_a_row_with_an_answer(
    tokens: Callable[..., TokenisedRow], tokenizer: RowTokenizer
) -> None:
    template = "{{ messages[0].content }}{{ add_generation_prompt }}"
    given = {"add_generation_prompt": None}
    found = tokens(chat_template_jinja=template, chat_template_kwargs=given)
    assert tokenizer.text(found.input_ids) == "briefFalse"


def test_what_a_template_raises_is_a_bad_row(tokens: Callable[..., TokenisedRow]) -> None:
    with pytest.raises(RowError, match="does not take this conversation: division by zero"):
        tokens(chat_template_jinja="{{ 1 / 0 }}")


def test_thoughts_are_split_off(tokens: Callable[..., TokenisedRow], tokenizer: RowTokenizer) -> None:
    template = "{% for m in messages %}{{ m.content }}({{ m.thought }}){% endfor %}"
    talk = [TALK[1], {"role": "assistant", "content": "<think>\nhm\n</think>\n\nuno"}]
    found = tokens(talk, chat_template_jinja=template, split_thinking=True, template_thinking_key="thought")
    assert tokenizer.text(found.input_ids) == "one?()uno(hm)"
    talk = [TALK[1], {"role": "assistant", "content": "uno", "why": "hm"}]
    found = tokens(talk, chat_template_jinja=template, field_thinking="why", template_thinking_key="thought")
    assert tokenizer.text(found.input_ids) == "one?()uno(hm)"


@pytest.mark.parametrize(
    ("row", "message"),
    [
        ({}, "the field `messages` is missing (it has no fields)"),
        ({"messages": []}, "the field `messages` is [], not a list with items"),
        ({"messages": "[{"}, "`messages` is no JSON: Expecting property name"),
        ({"messages": {"role": "user"}}, "the field `messages` is {'role': 'user'}, not a list"),
        ({"messages": ["hi"]}, "`messages[0]` is 'hi', not an object"),
        ({"messages": [{"content": "hi"}]}, "`messages[0]` has no `role`"),
        ({"messages": [{"role": "narrator", "content": "hi"}]}, "`messages[0]` has the unknown role 'narrator'"),
        ({"messages": [{"role": ["x"], "content": "hi"}]}, "`messages[0]` has the unknown role ['x']"),
        ({"messages": [{"role": "user"}]}, "`messages[0]` has no `content`"),
        ({"messages": [{"role": "user", "content": 3}]}, "the content of `messages[0]` is 3, not text"),
        ({"messages": TALK[:2]}, "no message is trained (roles: system, user)"),
        ({"messages": [TALK[1], {"role": "assistant", "content": " "}]}, "a message of the role `assistant` is empty"),
        ({"messages": "[" * 200_000}, "`messages` is no JSON: maximum recursion depth"),
        ({"messages": nested(5000)}, "the field `messages` is nested too deep"),
        ({"messages": TALK, "tools": "[" * 200_000}, "`tools` is no JSON: maximum recursion depth"),
        ({"messages": TALK, "tools": nested(5000)}, "the field `tools` is nested too deep"),
        ({"messages": TALK, "tools": {"name": "t"}}, "the field `tools` is {'name': 't'}"),
        ({"messages": [TALK[1], {**TALK[2], "tool_calls": 5}]}, "`tool_calls` of `messages[1]` is 5, not a list"),
        (
            {"messages": [TALK[1], {"role": "assistant", "content": [{"text": "a", "train": "false"}]}]},
            "`train` or `weight` of a part of the `content` of `messages[1]` is 'false', neither true nor false",
        ),
    ],
)
def test_a_bad_conversation_is_told(row: Any, message: str) -> None:
    with pytest.raises(RowError) as caught:
        FORM.segments(row, options_of(), False)
    assert message in caught.value.message


SAYING = {"message_field_training": "learn", "message_field_training_detail": "parts"}


@pytest.mark.parametrize("said", ["false", "", 2, 0.5, [], {}])
def test_whether_a_message_is_trained_is_true_or_false(said: Any) -> None:
    with pytest.raises(RowError) as caught:
        FORM.segments({"messages": [TALK[1], {**TALK[2], "learn": said}]}, options_of(**SAYING), False)
    assert caught.value.message == f"`learn` of `messages[1]` is {said!r}, neither true nor false"


@pytest.mark.parametrize(("said", "expected"), [(1, "one?</s>.uno</s>"), (0.0, "uno</s>"), (None, "uno</s>")])
def test_zero_and_one_mean_false_and_true(learned: Learn, said: Any, expected: str) -> None:
    assert learned([{**TALK[1], "learn": said}, TALK[2]], **SAYING) == expected


def stretch(begin: Any, end: Any, train: Any = True) -> dict[str, Any]:
    return {"begin_offset": begin, "end_offset": end, "train": train}


@pytest.mark.parametrize(
    ("detail", "message"),
    [
        (5, " is 5, not a list"),
        ("x", " is 'x', not a list"),
        (["x"], "[0] is 'x'"),
        ([{"begin": 0}], "[0] is {'begin': 0}"),
        ([stretch(0, 0), {"begin_offset": 0, "end_offset": 0}], "[1] is {'begin_offset': 0, 'end_offset': 0}"),
        ([stretch(1, 0)], "[0] goes from 1 to 0 in a text of 3 characters"),
        ([stretch(-5, 1, train=False)], "[0] goes from -5 to 1 in"),
        ([stretch(3, 9)], "[0] goes from 3 to 9 in"),
        ([stretch(0, "1")], "[0] goes from 0 to '1' in"),
        ([stretch(0, float("nan"))], "[0] goes from 0 to nan in"),
        ([stretch(0, 1, train="false")], "[0].train is 'false', neither true nor false"),
    ],
)
def test_a_stretch_that_is_none_is_told(detail: Any, message: str) -> None:
    with pytest.raises(RowError) as caught:
        FORM.segments({"messages": [TALK[1], {**TALK[2], "parts": detail}, *TALK[3:]]}, options_of(**SAYING), False)
    assert caught.value.message.startswith(f"`parts` of `messages[1]`{message}")


@pytest.mark.parametrize("content", [{"content": ""}, {}])
def test_a_text_that_is_empty_has_no_stretches(learned: Learn, content: Any) -> None:
    call = {"role": "assistant", "tool_calls": [{"function": {}}], "reasoning_content": "hm", **content}
    with pytest.raises(RowError, match="goes from 0 to 0 in a text of 0 characters"):
        learned([*TALK, {**call, "parts": [stretch(0, 0)]}], **SAYING)
    template = TEMPLATE.replace("m.content", "(m.content or '')")
    assert learned([*TALK, {**call, "parts": []}], chat_template_jinja=template, **SAYING) == "uno</s>.dos</s>"


def test_a_stretch_may_end_behind_its_text(learned: Learn) -> None:
    assert learned([TALK[1], {**TALK[2], "parts": [stretch(1.0, 100)]}], **SAYING) == "no</s>"


def test_what_the_template_refuses_is_a_bad_row(tokens: Callable[..., TokenisedRow]) -> None:
    with pytest.raises(RowError, match="does not take this conversation: System role not supported"):
        tokens(chat_template="gemma", chat_template_jinja=None)


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"chat_template": "tokenizer_default", "chat_template_jinja": None}, "has no chat template"),
        ({"eot_tokens": ["<end>"]}, "^eot_tokens: .* never writes the end-of-turn token '<end>'"),
        ({"eot_tokens": ["assistant"], "chat_template": "chatml"}, "^eot_tokens: .*'assistant' is 9 tokens"),
        ({"eot_tokens": ["</s>"], "train_on_eot": "all"}, "`train_on_eos` and `train_on_eot` differ"),
    ],
)
def test_a_tokenizer_that_cannot_serve_is_told(tokens: Callable[..., TokenisedRow], options: Any, message: str) -> None:
    with pytest.raises(UsageError, match=message):
        tokens(**options)


def test_an_end_of_turn_token_is_trained_in_place_of_the_end_of_sequence(learned: Learn) -> None:
    template = "{% for m in messages %}{{ m.content }}!{% endfor %}"
    assert learned(chat_template_jinja=template, eot_tokens=["!"]) == "uno!.dos!"


def test_the_segments_of_a_row_need_the_tokenizer() -> None:
    segments: Sequence[Any] = FORM.segments({"messages": TALK}, options_of(), False)
    assert segments == []
