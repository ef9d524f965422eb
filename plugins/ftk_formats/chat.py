"""Conversations, rendered by a chat template and trained turn by turn."""

from collections.abc import Mapping, Sequence
from typing import Any

from ftk.plugin import (
    UNTRAINED,
    ChatTemplate,
    DatasetFormat,
    RowError,
    RowTokenizer,
    Schema,
    Segment,
    TokenisedRow,
    UsageError,
    choose_template,
)
from ftk_formats.asking import chat_prompt
from ftk_formats.conversation import Reader, Turn
from ftk_formats.rendered import Rendered
from ftk_formats.train_detail import trained_tokens
from ftk_formats.turn_ends import TurnEnds

ASKING = ("user", "system")
"""Roles whose messages may be empty, also where they are trained."""

FIXED = ("messages", "add_generation_prompt")
"""Variables of a template that no config sets."""

_TEXT: Schema = {"type": ["string", "null"]}
_WHICH_ENDS: Schema = {"enum": ["all", "turn", "last", "none", None]}

TEMPLATE_OPTIONS: dict[str, Schema] = {
    "chat_template": {**_TEXT, "description": "a template by name, `tokenizer_default` or `jinja`"},
    "chat_template_jinja": {**_TEXT, "description": "the template itself"},
    "chat_template_kwargs": {"type": ["object", "null"], "description": "variables of the template"},
}
MESSAGE_OPTIONS: dict[str, Schema] = {
    "field_messages": {"type": "string", "default": "messages", "description": "the field that holds the messages"},
    "message_property_mappings": {
        "type": ["object", "null"],
        "additionalProperties": {"type": "string"},
        "description": "where a message keeps what the template reads, such as {role: from, content: value}",
    },
    "message_field_role": {**_TEXT, "description": "older form of message_property_mappings"},
    "message_field_content": {**_TEXT, "description": "older form of message_property_mappings"},
    "roles": {
        "type": ["object", "null"],
        "additionalProperties": {"type": "array", "items": {"type": "string"}},
        "description": "for each role of the template, its names in the data",
    },
}
OPTIONS: dict[str, Schema] = {
    **TEMPLATE_OPTIONS,
    **MESSAGE_OPTIONS,
    "field_system": {"type": "string", "default": "system", "description": "a field with the system's message"},
    "field_tools": {"type": "string", "default": "tools", "description": "a field with the tools"},
    "field_thinking": {**_TEXT, "description": "a message's field with its reasoning, where that has another name"},
    "template_thinking_key": {
        "type": "string",
        "default": "reasoning_content",
        "description": "what the template calls the reasoning of a message",
    },
    "split_thinking": {
        "type": "boolean",
        "default": False,
        "description": "take reasoning between tags such as <think> out of the content",
    },
    "drop_system_message": {"type": "boolean", "default": False, "description": "leave the system's message out"},
    "roles_to_train": {
        "type": "array",
        "items": {"type": "string"},
        "default": ["assistant"],
        "description": "roles whose messages are trained",
    },
    "train_on_eos": {
        **_WHICH_ENDS,
        "default": "turn",
        "description": "which end-of-sequence tokens are trained: those of trained turns, all, the last or none",
    },
    "train_on_eot": {**_WHICH_ENDS, "description": "the same for `eot_tokens`; as train_on_eos where it is empty"},
    "eot_tokens": {
        "type": ["array", "null"],
        "items": {"type": "string"},
        "description": "tokens that end a turn, where that is not the end-of-sequence token",
    },
    "message_field_training": {**_TEXT, "description": "a message's field that says whether it is trained"},
    "message_field_training_detail": {**_TEXT, "description": "a message's field with stretches that are trained"},
}


class Chat:
    """Messages of several roles."""

    name = "chat_template"
    revision = 1
    schema: Schema = {"type": "object", "additionalProperties": False, "properties": OPTIONS}
    example = {"messages": [{"role": "user", "content": "2+2?"}, {"role": "assistant", "content": "4"}]}

    def bound(self, tokenizer: RowTokenizer, options: Mapping[str, Any]) -> DatasetFormat:
        """The format with the template and the end tokens."""
        return _BoundChat(tokenizer, options)

    def template(self, options: Mapping[str, Any], own: str | None) -> str | None:
        """The template that the data set is rendered with."""
        return choose_template(options.get("chat_template"), options.get("chat_template_jinja"), own)

    def segments(self, row: Mapping[str, Any], options: Mapping[str, Any], train_on_inputs: bool) -> Sequence[Segment]:
        """Nothing yet but what is wrong with a row: only the tokenizer knows its template."""
        reader = Reader(options)
        _trained_turns(reader, row, options, train_on_inputs)
        reader.tools(row)
        return []


def _trained_turns(
    reader: Reader, row: Mapping[str, Any], options: Mapping[str, Any], train_on_inputs: bool
) -> tuple[list[Turn], list[bool]]:
    """The turns, each with whether it is trained.

    :raises RowError: when none is.
    """
    turns = reader.turns(row)
    roles = {reader.roles.get(role, role) for role in options["roles_to_train"]}
    trained = [_is_trained(turn, train_on_inputs or turn.role in roles) for turn in turns]
    if not any(trained):
        said = ", ".join(dict.fromkeys(turn.role for turn in turns))
        raise RowError(f"no message is trained (roles: {said})", "add an answer, or name its role in `roles_to_train`")
    for turn, is_trained in zip(turns, trained, strict=True):
        if is_trained and turn.role not in ASKING and turn.message.keys() == {"role", "content"} and _is_blank(turn):
            raise RowError(f"a message of the role `{turn.role}` is empty", "write it, or remove the row")
    return turns, trained


def _is_blank(turn: Turn) -> bool:
    return not turn.message["content"].strip()


def _is_trained(turn: Turn, by_role: bool) -> bool:
    if turn.trained is not None:
        return turn.trained
    if turn.content_detail is not None or turn.thinking_detail is not None:
        return bool(turn.content_detail or turn.thinking_detail)
    return by_role


class _BoundChat:
    """The format with a tokenizer."""

    name, revision, schema = Chat.name, Chat.revision, Chat.schema

    def __init__(self, tokenizer: RowTokenizer, options: Mapping[str, Any]) -> None:
        self._tokenizer = tokenizer
        self._options = options
        self._reader = Reader(options)
        self._template = tokenizer.chat_template(options.get("chat_template"), options.get("chat_template_jinja"))
        given = options.get("chat_template_kwargs") or {}
        self._variables = {name: value for name, value in given.items() if name not in FIXED}
        self._on_eos: str = options["train_on_eos"] or "turn"
        self._on_eot: str = options.get("train_on_eot") or self._on_eos
        self._eot = self._eot_ids(options.get("eot_tokens"), self._template)

    def _eot_ids(self, tokens: Sequence[str] | None, template: ChatTemplate) -> set[int]:
        eos = self._tokenizer.tokens.get("eos_token")
        if tokens is None:
            return self._eos_ids()
        if eos in tokens and self._on_eos != self._on_eot:
            message = "`train_on_eos` and `train_on_eot` differ, but eot_tokens holds the end-of-sequence token"
            raise UsageError(message, "give both the same value, or take the token out of eot_tokens")
        return {self._eot_id(token, template) for token in tokens}

    def _eot_id(self, token: str, template: ChatTemplate) -> int:
        ids = self._tokenizer.encode(token).ids
        if token not in template.source and token != self._tokenizer.tokens.get("eos_token"):
            raise UsageError(
                f"eot_tokens: the chat template never writes the end-of-turn token {token!r}", "name the one it writes"
            )
        if len(ids) != 1:
            raise UsageError(
                f"eot_tokens: the end-of-turn token {token!r} is {len(ids)} tokens", "add it as one under `tokens`"
            )
        return int(ids[0])

    def segments(self, row: Mapping[str, Any], options: Mapping[str, Any], train_on_inputs: bool) -> TokenisedRow:
        """The conversation as tokens, with the trained turns and their ends labelled."""
        turns, trained = _trained_turns(self._reader, row, self._options, train_on_inputs)
        variables = dict(self._variables)
        if tools := self._reader.tools(row):
            variables["tools"] = tools
        rendered = Rendered(turns, self._template, self._tokenizer, variables)
        labels = [UNTRAINED] * len(rendered.ids)
        ends = (TurnEnds(self._eot, self._on_eot), TurnEnds(self._eos_ids(), self._on_eos))
        answer_start = len(labels)
        for number, turn in enumerate(turns):
            if not trained[number] and "all" not in (self._on_eos, self._on_eot):
                continue
            span = self._span(rendered, number, turn)
            if span and trained[number]:
                self._label(labels, rendered, number, turn, span)
                answer_start = span[0]
            for kind in ends:
                kind.mark(labels, rendered.ids, span[1] if span else -1, trained[number])
        for kind in ends:
            kind.close(labels, rendered.ids)
        return TokenisedRow(rendered.ids, labels, answer_start)

    def prompt(self, row: Mapping[str, Any], options: Mapping[str, Any]) -> Sequence[Segment]:
        """What comes before the answer to the last message."""
        return [chat_prompt(self._reader, self._template, self._options["field_messages"], row, **self._variables)]

    def _eos_ids(self) -> set[int]:
        return set() if self._tokenizer.eos is None else {self._tokenizer.eos}

    def _span(self, rendered: Rendered, number: int, turn: Turn) -> tuple[int, int] | None:
        """The tokens of the turn; of its content alone where parts of it or of its reasoning are trained."""
        in_parts = (turn.content_detail or turn.thinking_detail) and self._reader.thinking in turn.message
        return rendered.span(number, keep=(self._reader.thinking,) if in_parts else ())

    def _label(self, labels: list[int], rendered: Rendered, number: int, turn: Turn, span: tuple[int, int]) -> None:
        thinking = self._reader.thinking
        if turn.content_detail:
            self._label_parts(labels, rendered, span, turn.message["content"], turn.content_detail)
        elif not turn.thinking_detail:
            labels[slice(*span)] = rendered.ids[slice(*span)]
        if turn.thinking_detail and thinking in turn.message:
            found = rendered.span(number, thinking, keep=("content",))
            if found:
                self._label_parts(labels, rendered, found, turn.message[thinking], turn.thinking_detail)

    def _label_parts(
        self,
        labels: list[int],
        rendered: Rendered,
        span: tuple[int, int],
        text: str,
        details: Sequence[Mapping[str, Any]],
    ) -> None:
        for place, is_trained in enumerate(trained_tokens(self._tokenizer, text, details), span[0]):
            if is_trained and place < len(labels):
                labels[place] = rendered.ids[place]
