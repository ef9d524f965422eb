"""A conversation with a model that a server has."""

from collections.abc import Mapping
from typing import Any

from ftk.serving.client import Client, Tell


class Conversation:
    """Remembers what was said.

    :param client: asks the server.
    :param chats: whether it answers conversations; otherwise each text is a prompt of its own, as it stands.
    :param system: what the model is told beforehand, or None.
    :param options: how it answers, as `hookspecs.generate` has them.
    """

    def __init__(self, client: Client, chats: bool, system: str | None, options: Mapping[str, Any]) -> None:
        self._client = client
        self._chats = chats
        self._options = options
        self._first = [{"role": "system", "content": system}] if system else []
        self._messages = list(self._first)

    def reset(self) -> None:
        """Forget what was said."""
        self._messages = list(self._first)

    def say(self, text: str, tell: Tell) -> str:
        """The answer to a text. Where it is interrupted, what has come of it is remembered.

        :param tell: is given its pieces as they come.
        :raises FtkError: when the server does not answer; then the text is forgotten.
        """
        if not self._chats:
            return self._client.complete(text, self._options, tell).text
        messages = [*self._messages, {"role": "user", "content": text}]
        heard: list[str] = []

        def hear(piece: str) -> None:
            heard.append(piece)
            tell(piece)

        try:
            return self._client.chat(messages, self._options, hear).text
        finally:
            if heard:
                self._messages = [*messages, {"role": "assistant", "content": "".join(heard)}]
