"""Formats for `rl` whose text a template makes: a chat template, those of the config, or none."""

from collections.abc import Mapping, Sequence
from typing import Any

from ftk.plugin import (
    ChatTemplate,
    DatasetFormat,
    Pair,
    RowError,
    RowTokenizer,
    Schema,
    Unpaired,
)
from ftk_formats import fields
from ftk_formats.chat import MESSAGE_OPTIONS, TEMPLATE_OPTIONS
from ftk_formats.instructions import NO_OPTIONS
from ftk_formats.markup import answer, content, label
from ftk_formats.rendered import common, render
from ftk_formats.user_defined import TEXT, fill, template

STAND_IN = {"role": "user", "content": "[[dummy_message]]"}
"""A question before an answer that is rendered by itself."""

ROLES = {name: name for name in ("user", "assistant", "system", "tool")}

ASKING = ("user", "system", "tool")
"""Roles that give no answers; a template may have names of its own for whoever does."""

Message = dict[str, str]

_ANSWERS: dict[str, Schema] = {
    "field_chosen": {"type": "string", "default": "chosen", "description": "the field with the better answer"},
    "field_rejected": {"type": "string", "default": "rejected", "description": "the field with the worse answer"},
}


TALK = [{"role": "user", "content": "2+2?"}, {"role": "assistant", "content": "4"}]


class ChatPairs:
    """A conversation and two answers to it.

    :param name: of the format.
    :param whole: whether each answer stands at the end of its whole conversation, not beside it.
    """

    revision = 1
    example = {"messages": TALK[:1], "chosen": TALK, "rejected": TALK}

    def __init__(self, name: str, whole: bool) -> None:
        self.name = name
        self._whole = whole
        messages = {key: value for key, value in MESSAGE_OPTIONS.items() if not (whole and key == "field_messages")}
        options = {**TEMPLATE_OPTIONS, **messages, **_ANSWERS}
        del options["chat_template_kwargs"]
        self.schema: Schema = {"type": "object", "additionalProperties": False, "properties": options}
        self._template: ChatTemplate | None = None

    def bound(self, tokenizer: RowTokenizer, options: Mapping[str, Any]) -> DatasetFormat:
        """The format with the template."""
        form = ChatPairs(self.name, self._whole)
        form._template = tokenizer.chat_template(options.get("chat_template"), options.get("chat_template_jinja"))
        return form

    def segments(self, row: Mapping[str, Any], options: Mapping[str, Any], train_on_inputs: bool) -> Pair:
        """The conversation up to the answers, and what the template writes for each of these."""
        reader = _Reader(options)
        chosen, rejected = (reader.answered(row, options[key]) for key in ("field_chosen", "field_rejected"))
        asked = chosen[:-1] if self._whole else reader.messages(row, options["field_messages"], "user")
        if not asked:
            raise RowError("there is no message before the answers", "begin the conversation with a question")
        if self._template is None:
            return Pair("", "", "")
        return Pair(self._render(asked, True), *(self._answer(messages[-1]) for messages in (chosen, rejected)))

    def _answer(self, message: Message) -> str:
        """The answer from its content on, which may be looked for only behind what the template writes before it."""
        text = self._render([STAND_IN, message], False)
        begun = self._render([STAND_IN], True)
        before = common(text, begun, min(len(text), len(begun)))
        found = text.find(message["content"], before)
        return text[before if found < 0 else found :].rstrip()

    def _render(self, messages: Sequence[Message], add_generation_prompt: bool) -> str:
        return _text(self._template, messages, add_generation_prompt)


def _text(template: ChatTemplate | None, messages: Sequence[Message], add_generation_prompt: bool) -> str:
    """The text of messages; none as long as there is no template."""
    return "" if template is None else render(template, messages, add_generation_prompt=add_generation_prompt)


class _Reader:
    """Reads messages with the names and roles of a config."""

    def __init__(self, options: Mapping[str, Any]) -> None:
        given = options.get("roles")
        self._roles = {source: name for name, sources in given.items() for source in sources} if given else ROLES
        names = options.get("message_property_mappings") or {}
        self._role = names.get("role") or options.get("message_field_role") or "role"
        self._content = names.get("content") or options.get("message_field_content") or "content"

    def messages(self, row: Mapping[str, Any], field: str, role: str = "assistant") -> list[Message]:
        """The messages of a field, which may be a text or a single one.

        :param role: whose the text is.
        """
        value = row.get(field)
        if isinstance(value, str):
            return [{"role": role, "content": fields.answer(row, field)}]
        found = [value] if isinstance(value, dict) else fields.items(row, field)
        return [self._message(item, field) for item in found]

    def answered(self, row: Mapping[str, Any], field: str) -> list[Message]:
        """The messages of a field that ends with an answer.

        :raises RowError: when it does not.
        """
        messages = self.messages(row, field)
        role = messages[-1]["role"]
        if role in ASKING:
            raise RowError(f"the last message of `{field}` is by `{role}`", "let it end with the assistant's answer")
        fields.written(messages[-1]["content"], field)
        return messages

    def _message(self, item: Any, field: str) -> Message:
        said = item.get(self._content) if isinstance(item, dict) else None
        if not isinstance(said, str):
            message = f"a message of `{field}` is {fields.shown(item)}"
            raise RowError(message, f"write it with `{self._role}` and `{self._content}`")
        given = item.get(self._role)
        role = self._roles.get(given) if isinstance(given, str) else None
        if role is None:
            message = f"a message of `{field}` has the unknown role {fields.shown(given)}"
            raise RowError(message, f"one of {', '.join(self._roles)}; or say what it means with `roles`")
        return {"role": role, "content": said}


class OrpoChat:
    """Two conversations, `chosen` and `rejected`, that differ in their last answer."""

    name = "orpo.chat_template.argilla"
    revision = 1
    schema: Schema = {"type": "object", "additionalProperties": False, "properties": TEMPLATE_OPTIONS}
    example = {"chosen": TALK, "rejected": TALK}

    def __init__(self, chat_template: ChatTemplate | None = None) -> None:
        self._template = chat_template

    def bound(self, tokenizer: RowTokenizer, options: Mapping[str, Any]) -> DatasetFormat:
        """The format with the template."""
        return OrpoChat(tokenizer.chat_template(options.get("chat_template"), options.get("chat_template_jinja")))

    def segments(self, row: Mapping[str, Any], options: Mapping[str, Any], train_on_inputs: bool) -> Pair:
        """The conversation up to the last answer, and what follows it in each of the whole ones."""
        asked = self._asked(row)
        prompt = _text(self._template, asked, True)
        whole = [
            _text(self._template, [*asked, {"role": "assistant", "content": answer(row, name, -1)}], False)
            for name in ("chosen", "rejected")
        ]
        return Pair(prompt, *(text[len(prompt) :] for text in whole))

    def _asked(self, row: Mapping[str, Any]) -> list[Message]:
        count = len(fields.items(row, "chosen"))
        if count % 2:
            raise RowError("`chosen` has an odd number of messages", "let questions and answers alternate in it")
        system = fields.optional_text(row, "system")
        messages = [{"role": "system", "content": system}] if system else []
        for number in range(0, count, 2):
            question = fields.text(row, "prompt") if "prompt" in row else content(row, "chosen", number)
            messages.append({"role": "user", "content": question})
            if number + 2 < count:
                messages.append({"role": "assistant", "content": content(row, "chosen", number + 1)})
        return messages


class UserDefinedPairs:
    """A prompt and two answers, in the templates of the config."""

    name = "dpo.user_defined.default"
    revision = 1
    schema: Schema = {
        "type": "object",
        "additionalProperties": False,
        "properties": {
            **_ANSWERS,
            "field_prompt": {**TEXT, "default": "prompt"},
            "field_system": {**TEXT, "default": "system"},
            "prompt_format": {**template("system", "prompt"), "default": "{prompt}"},
            "chosen_format": {**template("chosen"), "default": "{chosen}"},
            "rejected_format": {**template("rejected"), "default": "{rejected}"},
        },
    }
    example = {"prompt": "2+2?", "chosen": "4", "rejected": "5"}

    def segments(self, row: Mapping[str, Any], options: Mapping[str, Any], train_on_inputs: bool) -> Pair:
        """The three texts."""
        return Pair(
            _prompt(row, options),
            fill(options["chosen_format"], chosen=fields.answer(row, options["field_chosen"])),
            fill(options["rejected_format"], rejected=fields.answer(row, options["field_rejected"])),
        )


class UserDefinedUnpaired:
    """A prompt and an answer that is good or bad, in the templates of the config."""

    name = "kto.user_defined.default"
    revision = 1
    schema: Schema = {
        "type": "object",
        "additionalProperties": False,
        "properties": {
            "field_prompt": {**TEXT, "default": "prompt"},
            "field_system": {**TEXT, "default": "system"},
            "field_completion": {**TEXT, "default": "completion"},
            "field_label": {**TEXT, "default": "label"},
            "prompt_format": {**template("system", "prompt"), "default": "{prompt}"},
            "completion_format": {**template("completion"), "default": "{completion}"},
        },
    }
    example = {"prompt": "2+2?", "completion": "4", "label": True}

    def segments(self, row: Mapping[str, Any], options: Mapping[str, Any], train_on_inputs: bool) -> Unpaired:
        """The two texts and the label."""
        completion = fields.answer(row, options["field_completion"])
        return Unpaired(
            _prompt(row, options),
            fill(options["completion_format"], completion=completion),
            label(row, options["field_label"]),
        )


def _prompt(row: Mapping[str, Any], options: Mapping[str, Any]) -> str:
    system = fields.optional_text(row, options["field_system"])
    return fill(options["prompt_format"], system=system, prompt=fields.text(row, options["field_prompt"]))


class Passthrough:
    """Pairs that are ready text: `prompt`, `chosen` and `rejected`; or for KTO `prompt`, `completion`, `label`."""

    revision = 1
    schema = NO_OPTIONS
    example = {"prompt": "2+2?", "chosen": "4", "rejected": "5", "completion": "4", "label": True}

    def __init__(self, family: str) -> None:
        self.name = f"{family}.passthrough.default"
        self._unpaired = family == "kto"

    def segments(self, row: Mapping[str, Any], options: Mapping[str, Any], train_on_inputs: bool) -> Pair | Unpaired:
        """The texts as they are."""
        prompt = fields.text(row, "prompt")
        if self._unpaired:
            return Unpaired(prompt, fields.answer(row, "completion"), label(row))
        return Pair(prompt, fields.answer(row, "chosen"), fields.answer(row, "rejected"))


def preference_formats() -> list[DatasetFormat]:
    """All of them."""
    return [
        ChatPairs("dpo.chat_template.default", whole=False),
        ChatPairs("dpo.chat_template.argilla_chat", whole=True),
        OrpoChat(),
        UserDefinedPairs(),
        UserDefinedUnpaired(),
        *(Passthrough(family) for family in ("dpo", "orpo", "kto")),
    ]
