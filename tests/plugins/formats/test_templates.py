"""The chat template that goes with a run: a served question is put as it was trained."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import pytest

from ftk.config.schema import complete
from ftk.data.tokenising import RowTokenizer
from ftk.data.turns import write_template
from ftk.plugin import Turns
from ftk.testing.tiny_model import write_tiny_model
from ftk_formats.chat import Chat
from ftk_formats.instructions import instruction_formats
from ftk_formats.user_defined import UserDefined

INST = "[INST] Answer.\n{input}\n{instruction} [/INST]"

ROWS: Sequence[tuple[dict[str, str], dict[str, str], str]] = [
    # options of user_defined, a row, and the message that asks the same
    ({}, {"instruction": "2+2?"}, "2+2?"),
    ({"format": INST}, {"instruction": "2+2?", "input": "sums"}, "sums\n2+2?"),
    ({"format": INST, "no_input_format": "[INST] {instruction} [/INST]"}, {"instruction": "2+2?"}, "2+2?"),
    ({"no_input_format": "Q {instruction} {input}{{A}}"}, {"instruction": "2+2?"}, "2+2?"),
    (
        {"system_prompt": "Be brief.", "system_format": "<<{system}>> {{", "no_input_format": "{instruction}\n"},
        {"instruction": "2+2?"},
        "2+2?",
    ),
]


def rendered(turns: Turns, message: str, folder: Path) -> str:
    write_template(turns, write_tiny_model(folder))
    messages = [{"role": "user", "content": message}]
    return RowTokenizer(folder).chat_template().render(messages, add_generation_prompt=True)


def options_of(form: Any, given: Mapping[str, Any]) -> dict[str, Any]:
    return dict(complete(dict(given), form.schema))


@pytest.mark.parametrize(("given", "row", "message"), ROWS)
def test_fields_and_a_message_make_the_same_prompt(
    given: dict[str, str], row: dict[str, str], message: str, tmp_path: Path
) -> None:
    form, options = UserDefined(), options_of(UserDefined(), given)
    turns = form.template(options, own="another")
    assert turns is not None
    (prompt,) = form.prompt(row, options)
    assert rendered(turns, message, tmp_path) == prompt.text


@pytest.mark.parametrize("form", instruction_formats(), ids=lambda form: form.name)
def test_an_instruction_is_put_in_the_words_of_its_format(form: Any, tmp_path: Path) -> None:
    (prompt,) = form.prompt(form.example, {})
    turns = form.template({}, own=None)
    frame = turns.before_system + turns.system + turns.after_system if turns.system else turns.without_system
    start = frame + turns.before
    assert prompt.text.startswith(start) and prompt.text.endswith(turns.after)
    message = prompt.text.removeprefix(start).removesuffix(turns.after)
    assert "2+2?" in message
    assert rendered(turns, message, tmp_path) == prompt.text


@pytest.mark.parametrize("form", ["{instruction!r} ", "{instruction:>9} ", "no place"])
def test_what_a_template_cannot_say_is_left_alone(form: str) -> None:
    assert UserDefined().template(options_of(UserDefined(), {"no_input_format": form}), own=None) is None


def test_a_conversation_goes_on_with_the_template_of_its_data_set() -> None:
    options = options_of(Chat(), {"chat_template": "chatml"})
    assert "<|im_start|>" in (Chat().template(options, own="mine") or "")
    assert Chat().template(options_of(Chat(), {}), own="mine") == "mine"
