"""A conversation as its template renders it, in which the tokens of each turn can be found."""

from bisect import bisect_left, bisect_right
from collections.abc import Mapping, Sequence
from typing import Any

from ftk.plugin import ChatTemplate, RowError, RowTokenizer, TemplateRefusal
from ftk_formats.conversation import Turn

PLACEHOLDERS = ("[[dummy_message]]", "zzdummymessagezz")
"""Texts without a first or last character in common, so that a template's own text cannot hide an edge of both."""


class Rendered:
    """A conversation as text and tokens.

    :param turns: the conversation.
    :param template: renders it.
    :param tokenizer: tokenises it as a whole.
    :param variables: what the template is told beside the messages.
    :raises RowError: when the template does not take it.
    """

    def __init__(
        self, turns: Sequence[Turn], template: ChatTemplate, tokenizer: RowTokenizer, variables: Mapping[str, Any]
    ) -> None:
        self._messages = [turn.message for turn in turns]
        self._template = template
        self._variables = variables
        self._text = self._render(self._messages)
        encoding = tokenizer.encode(self._text)
        self.ids: list[int] = encoding.ids
        self._starts = [start for start, _ in encoding.offsets]
        self._ends = [end for _, end in encoding.offsets]

    def span(self, number: int, key: str = "content", keep: Sequence[str] = ()) -> tuple[int, int] | None:
        """The tokens of a turn, from the first to behind the last; None where it gives none.

        They are those of the text that changes when a placeholder takes the place of the content, at the place where
        the turn stands: what a template makes of a turn can depend on the others.

        :param number: of the turn.
        :param key: what is looked for, the content or the reasoning.
        :param keep: what else of the turn stays as it is; all other parts of it count as its content.
        """
        spans = [self._changed(number, key, keep, placeholder) for placeholder in PLACEHOLDERS]
        start, end = min(start for start, _ in spans), max(end for _, end in spans)
        if end <= start:
            return None
        # Several tokens of one character have its offsets: the end is found by where the next character begins.
        first, behind = bisect_right(self._ends, start), bisect_left(self._starts, end)
        return (first, behind) if first < behind else None

    def _changed(self, number: int, key: str, keep: Sequence[str], placeholder: str) -> tuple[int, int]:
        message = self._messages[number]
        kept = {name: message[name] for name in ("role", *keep) if name in message}
        messages = [*self._messages[:number], {**kept, key: placeholder}, *self._messages[number + 1 :]]
        other = self._render(messages)
        start = common(self._text, other, min(len(self._text), len(other)))
        behind = common(self._text[::-1], other[::-1], min(len(self._text), len(other)) - start)
        return start, len(self._text) - behind

    def _render(self, messages: Sequence[Mapping[str, Any]]) -> str:
        return render(self._template, messages, **self._variables)


def render(template: ChatTemplate, messages: Sequence[Mapping[str, Any]], /, **variables: Any) -> str:
    """The text of a conversation.

    :param variables: what the template is told beside the messages.
    :raises RowError: when the template does not take it.
    """
    try:
        return template.render(messages, **variables)
    except TemplateRefusal as refusal:
        message = f"the chat template does not take this conversation: {refusal}"
        raise RowError(message, "change the row, or name another `chat_template`") from None


def common(one: str, other: str, most: int) -> int:
    """How many characters, at most so many, are the same at the beginning of both."""
    low, high = 0, most
    while low < high:
        middle = (low + high + 1) // 2
        if one[low:middle] == other[low:middle]:
            low = middle
        else:
            high = middle - 1
    return low
