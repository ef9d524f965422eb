"""From a row to the turns of a conversation, as a chat template takes them."""

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from ftk.plugin import RowError
from ftk_formats import fields
from ftk_formats.train_detail import Detail, read_details

ROLES = {"human": "user", "gpt": "assistant", **{name: name for name in ("user", "assistant", "system", "tool")}}
"""What the roles in data mean, where the config does not say it."""

MORE_ROLES = ("developer", "function", "ipython", "observation", "model")
"""Roles that some templates know too."""

THOUGHTS = (
    ("<think>", "</think>"),
    ("<reasoning>", "</reasoning>"),
    ("<|begin_of_thought|>", "<|end_of_thought|>"),
)
SOLUTION = ("<|begin_of_solution|>", "<|end_of_solution|>")


@dataclass(frozen=True)
class Turn:
    """One turn.

    :param message: as the template takes it: `role`, `content`, and what else the row has.
    :param trained: what the row says about it; None where it says nothing.
    :param content_detail: stretches of the content that are trained or not.
    :param thinking_detail: the same of the reasoning.
    """

    message: Mapping[str, Any]
    trained: bool | None = None
    content_detail: Sequence[Detail] | None = None
    thinking_detail: Sequence[Detail] | None = None

    @property
    def role(self) -> str:
        """Who speaks."""
        return str(self.message["role"])


class Reader:
    """Reads rows.

    :param options: of the format.
    """

    def __init__(self, options: Mapping[str, Any]) -> None:
        self._options = options
        given = options.get("roles")
        self.roles = {source: name for name, sources in given.items() for source in sources} if given else ROLES
        self._known = {*self.roles.values(), *ROLES.values(), *MORE_ROLES, *options["roles_to_train"]}
        self._names = {
            "role": options.get("message_field_role") or "role",
            "content": options.get("message_field_content") or "content",
            **(options.get("message_property_mappings") or {}),
        }
        self.thinking: str = options["template_thinking_key"]
        if field := options.get("field_thinking"):
            self._names.setdefault(self.thinking, field)

    def turns(self, row: Mapping[str, Any]) -> list[Turn]:
        """The turns of a row.

        :raises RowError: when they are none that a template could take.
        """
        row = _without_none(row)
        field = self._options["field_messages"]
        turns = [self._turn(item, f"{field}[{number}]") for number, item in enumerate(_messages(row, field))]
        system = row.get(self._options["field_system"])
        if turns[0].role != "system" and system is not None:
            turns.insert(0, Turn({"role": "system", "content": fields.text(row, self._options["field_system"])}))
        if self._options["drop_system_message"] and turns[0].role == "system":
            turns = turns[1:]
        if not turns:
            raise RowError("it has no messages but the system's, which is dropped", "remove the row")
        return turns

    def tools(self, row: Mapping[str, Any]) -> list[Any] | None:
        """The tools that a row tells the model of."""
        field = self._options["field_tools"]
        tools = row.get(field)
        if tools is None:
            return None
        tools = _parsed(_without_none_in(tools, field), f"`{field}`")
        if not isinstance(tools, list):
            raise RowError(f"the field `{field}` is {fields.shown(tools)}", "write it as a list of objects")
        for tool in tools:
            function = tool.get("function") if isinstance(tool, dict) else None
            if isinstance(function, dict) and "parameters" in function:
                function["parameters"] = _parsed(function["parameters"], f"`parameters` in `{field}`")
        return tools

    def _turn(self, item: Any, place: str) -> Turn:
        if not isinstance(item, dict):
            raise RowError(f"`{place}` is {fields.shown(item)}, not an object", "write it with a role and a content")
        message = {key: item[name] for key, name in self._names.items() if name in item}
        message["role"] = self._role(message.get("role"), place)
        unmapped = item.keys() - set(self._names.values())
        message |= {key: item[key] for key in item if key in unmapped}
        if self._options["split_thinking"] and message["role"] == "assistant":
            message = _split_thinking(message, self.thinking)
        details = [_join_parts(message, key, place) for key in ("content", self.thinking)]
        self._check_content(message, place)
        if "tool_calls" in message:
            message["tool_calls"] = _tool_calls(message["tool_calls"], place)
        trained, detail = self._training(item, message, place)
        return Turn(message, trained, details[0] or detail, details[1])

    def _training(
        self, item: Mapping[str, Any], message: Mapping[str, Any], place: str
    ) -> tuple[bool | None, list[Detail] | None]:
        """What a message says about its training: as a whole, and by stretches of its content."""
        whole, parts = (self._options.get(f"message_field_training{suffix}") for suffix in ("", "_detail"))
        trained = fields.flag(item[whole], f"`{whole}` of `{place}`") if whole and whole in item else None
        if not parts or parts not in item:
            return trained, None
        return trained, read_details(item[parts], message.get("content") or "", f"`{parts}` of `{place}`")

    def _role(self, given: Any, place: str) -> str:
        if given is None:
            raise RowError(f"`{place}` has no `{self._names['role']}`", "say who speaks")
        role = self.roles.get(given, given) if isinstance(given, str) else ""
        if role not in self._known:
            remedy = f"one of {', '.join(sorted(self.roles))}; or say what it means: `roles: {{user: [{given}]}}`"
            raise RowError(f"`{place}` has the unknown role {fields.shown(given)}", remedy)
        return role

    def _check_content(self, message: Mapping[str, Any], place: str) -> None:
        content = message.get("content")
        if content is None and not message.get("tool_calls"):
            raise RowError(f"`{place}` has no `{self._names['content']}`", "write it, or remove the message")
        if content is not None and not isinstance(content, str):
            raise RowError(f"the content of `{place}` is {fields.shown(content)}, not text", "put it in quotes")


def _without_none(row: Mapping[str, Any]) -> dict[str, Any]:
    """A copy without fields that are null, which tables of rows with other fields bring along."""
    return {name: _without_none_in(value, name) for name, value in row.items() if value is not None}


def _without_none_in(value: Any, name: str) -> Any:
    try:
        return _present(value)
    except RecursionError:
        raise RowError(f"the field `{name}` is nested too deep", "mend it, or remove the row") from None


def _present(value: Any) -> Any:
    if isinstance(value, Mapping):
        return {key: _present(item) for key, item in value.items() if item is not None}
    return [_present(item) for item in value] if isinstance(value, list) else value


def _messages(row: Mapping[str, Any], field: str) -> list[Any]:
    value = row.get(field)
    if isinstance(value, str):
        value = _parsed(value, f"`{field}`")
    return fields.items({**row, field: value} if field in row else row, field)


def _parsed(value: Any, what: str) -> Any:
    """The value, which may be text that holds it as JSON."""
    if not isinstance(value, str):
        return value
    try:
        return json.loads(value)
    except (ValueError, RecursionError) as error:
        raise RowError(f"{what} is no JSON: {error}", "mend it, or write it as a list or object") from None


def _tool_calls(calls: Any, place: str) -> Any:
    if not isinstance(calls, list) and calls:
        raise RowError(f"`tool_calls` of `{place}` is {fields.shown(calls)}, not a list", "write a list of objects")
    return [_tool_call(call, place) for call in calls or ()]


def _tool_call(call: Any, place: str) -> Any:
    function = call.get("function") if isinstance(call, dict) else None
    if not isinstance(function, dict) or "arguments" not in function:
        return call
    arguments = _parsed(function["arguments"], f"`arguments` of a tool call in `{place}`")
    return {**call, "function": {**function, "arguments": arguments}}


def _split_thinking(message: dict[str, Any], key: str) -> dict[str, Any]:
    """Move the reasoning at the beginning of a content into a field of its own."""
    content = message.get("content")
    if not isinstance(content, str):
        return message
    for start, end in THOUGHTS:
        if start in content and end in content:
            begin, stop = content.find(start), content.find(end)
            rest = content[stop + len(end) :].lstrip()
            if all(mark in rest for mark in SOLUTION):
                rest = rest[rest.find(SOLUTION[0]) + len(SOLUTION[0]) : rest.find(SOLUTION[1])].strip()
            return {**message, key: content[begin + len(start) : stop].strip(), "content": rest}
    return message


def _join_parts(message: dict[str, Any], key: str, place: str) -> list[Detail] | None:
    """Turn a content of parts into text; what the parts say about training is returned."""
    parts = message.get(key)
    if not isinstance(parts, list):
        return None
    text, says = "", False
    details: list[Detail] = []
    for part in parts:
        what = f"a part of the `{key}` of `{place}`"
        if not isinstance(part, dict):
            raise RowError(f"{what} is {fields.shown(part)}", "write objects with `text`")
        piece = str(part.get("text") or part.get("content") or part.get("value") or "")
        says = says or "train" in part or "weight" in part
        trained = fields.flag(part.get("train", part.get("weight", True)), f"`train` or `weight` of {what}")
        if piece:
            details.append({"begin_offset": len(text), "end_offset": len(text) + len(piece) - 1, "train": trained})
        text += piece
    message[key] = text
    return details if says else None
