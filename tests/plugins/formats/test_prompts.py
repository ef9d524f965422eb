"""A prompt without an answer is what a row with one begins with."""

from typing import Any

import pytest

from ftk.plugin import RowError, RowTokenizer, complete
from ftk_formats.chat import Chat
from ftk_formats.instructions import instruction_formats
from ftk_formats.user_defined import UserDefined

ALPACA = {"instruction": "w1 w2", "input": "w3", "output": "w4"}

TEMPLATE = (
    "{% for message in messages %}{{ message.role }}: {{ message.content }}\n{% endfor %}"
    "{% if add_generation_prompt %}assistant: {% endif %}"
)

CONVERSATION = [{"role": "user", "content": "w1"}, {"role": "assistant", "content": "w2"}]


def without(row: dict[str, Any], *names: str) -> dict[str, Any]:
    return {name: value for name, value in row.items() if name not in names}


@pytest.mark.parametrize("row", [ALPACA, without(ALPACA, "input"), {**ALPACA, "system": "w9"}])
@pytest.mark.parametrize("name", ["alpaca", "alpaca:chatml", "alpaca_w_system.load_open_orca", "user_defined"])
def test_a_prompt_is_the_first_segment(name: str, row: dict[str, Any]) -> None:
    forms: dict[str, Any] = {form.name: form for form in instruction_formats()}
    form = UserDefined() if name == "user_defined" else forms[name]
    options = complete({}, form.schema)
    if "open_orca" in name:
        row = {"question": row["instruction"], "response": row["output"], "system_prompt": row.get("system", "")}
    [prompt] = form.prompt(without(row, "output", "response"), options)
    assert prompt == form.segments(row, options, False)[0]
    assert form.prompt(row, options) == [prompt]


def test_what_the_prompt_needs_must_be_there() -> None:
    for form in (UserDefined(), instruction_formats()[0]):
        with pytest.raises(RowError, match="the field `instruction` is missing"):
            form.prompt({"output": "x"}, complete({}, form.schema))


@pytest.fixture
def chat(tokenizer: RowTokenizer) -> Any:
    """The prompt that a chat format makes of a row."""
    options = complete({"chat_template_jinja": TEMPLATE}, Chat.schema)
    form: Any = Chat().bound(tokenizer, options)
    return lambda row: form.prompt(row, options)[0]


def test_a_conversation_is_asked_up_to_its_last_question(chat: Any) -> None:
    asked = chat({"messages": CONVERSATION})
    assert asked.text == "user: w1\nassistant: "
    assert (asked.trained, asked.bare) == (False, True)
    assert chat({"messages": CONVERSATION[:1]}) == asked
    more = [*CONVERSATION, {"role": "user", "content": "w3"}]
    assert chat({"messages": more}).text == "user: w1\nassistant: w2\nuser: w3\nassistant: "


def test_messages_may_be_named_by_their_roles(chat: Any) -> None:
    assert chat({"user": "w1"}) == chat({"messages": CONVERSATION})
    assert chat({"system": "w0", "user": "w1"}).text == "system: w0\nuser: w1\nassistant: "


@pytest.mark.parametrize(
    ("row", "message"),
    [({"questin": "w1"}, "`questin` is no role"), ({"assistant": "w1"}, "there is no message to answer")],
)
def test_what_is_no_question_is_told(chat: Any, row: dict[str, Any], message: str) -> None:
    with pytest.raises(RowError, match=message):
        chat(row)
