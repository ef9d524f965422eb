"""The prompt of a conversation that a model is asked to go on with."""

from collections.abc import Mapping, Sequence
from typing import Any

from ftk.plugin import ChatTemplate, RowError, Segment, TemplateRefusal
from ftk_formats.conversation import Reader


def chat_prompt(reader: Reader, template: ChatTemplate, field: str, row: Mapping[str, Any], /, **more: Any) -> Segment:
    """The text before the answer to a conversation.

    :param field: of the row that holds the messages; without it, each field is a message of the role that it is named
        after, such as `user`.
    :param more: variables of the template.
    :raises RowError: when there is no message to answer.
    """
    messages = [turn.message for turn in reader.turns(row)] if field in row else _by_roles(reader, row)
    while messages and messages[-1]["role"] == "assistant":
        messages = messages[:-1]
    if not messages:
        raise RowError("there is no message to answer", "write one, such as user=hello")
    try:
        text = template.render(messages, add_generation_prompt=True, **more)
    except TemplateRefusal as error:
        raise RowError(
            f"the chat template refuses it: {error}", "write the messages as the template wants them"
        ) from None
    return Segment(text, trained=False, bare=True)


def _by_roles(reader: Reader, row: Mapping[str, Any]) -> Sequence[Mapping[str, Any]]:
    roles = {name: reader.roles.get(name, name) for name in row}
    strange = [name for name, role in roles.items() if role not in reader.roles.values()]
    if strange:
        known = ", ".join(dict.fromkeys(reader.roles.values()))
        raise RowError(f"`{strange[0]}` is no role", f"name the messages by their roles: {known}")
    return [{"role": roles[name], "content": str(text)} for name, text in row.items()]
