"""Ask an OpenAI-compatible server, as far as ftk needs it: completions and chats, told as they come."""

import json
import re
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from http.client import HTTPException, HTTPResponse
from typing import Any, cast
from urllib.error import HTTPError, URLError
from urllib.request import HTTPRedirectHandler, OpenerDirector, ProxyHandler, Request, build_opener

from ftk.errors import FtkError, UsageError
from ftk.serving.keys import KEY_VARIABLE, is_loopback

PATIENCE = 600.0
"""Seconds in which a server says something: it may have many other requests."""

MOST_RESETS = 3
"""How often a request is sent again whose connection was reset before an answer began: a server's door was crowded."""

RESET_PAUSE = 0.5
"""Seconds before that."""

FULL = (429, 503)
"""What a server answers that takes no more requests now; where it says when to ask again, it is asked again."""

NAMES = {"max_new_tokens": "max_tokens"}
"""What requests call an option, where that is not its name here."""

DATA = "data:"
"""Before each event of a stream (https://html.spec.whatwg.org/multipage/server-sent-events.html)."""

DONE = "[DONE]"
"""The last event of a stream."""

Tell = Callable[[str], None]
Sleep = Callable[[float], None]


@dataclass(frozen=True)
class Reply:
    """What a server answered.

    :param tokens: how many were generated; 0 where the server does not say.
    :param finish: `stop` when the model ended it, `length` when it was cut off.
    """

    text: str
    tokens: int
    finish: str


class Client:
    """Asks one server.

    :param url: its address, with `/v1` at the end or without any path.
    :param model: which of its models; the first one, if None.
    :param key: what its requests must have.
    """

    def __init__(self, url: str, model: str | None = None, key: str | None = None) -> None:
        found = re.fullmatch(r"https?://(\[[^]/]+\]|[^:/]+)(:\d+)?(/.*)?", url)
        if not found or not _is_name(found[1]):
            raise UsageError(f"{url!r} is no address of a server", "such as http://127.0.0.1:8000/v1")
        self.url = url.rstrip("/") if (found[3] or "").strip("/") else f"{url.rstrip('/')}/v1"
        self._key = key
        self._opener = _opener(found[1])
        self.model = model or self._first_model()

    def _first_model(self) -> str:
        with self._open("models", None) as response:
            try:
                return str(json.loads(response.read())["data"][0]["id"])
            except (ValueError, LookupError, TypeError):
                raise FtkError(f"{self.url} names no model", "name one: --model NAME") from None

    def complete(
        self,
        prompt: str,
        options: Mapping[str, Any],
        tell: Tell = lambda piece: None,
        sleep: Sleep = time.sleep,
    ) -> Reply:
        """Have a prompt completed, as it stands.

        :param options: as `hookspecs.generate` has them.
        :param tell: is given the pieces of the answer as they come.
        :param sleep: waits so many seconds until a full server is asked again.
        """
        return self._ask("completions", {"prompt": prompt}, options, lambda choice: choice.get("text"), tell, sleep)

    def chat(
        self, messages: Sequence[Mapping[str, str]], options: Mapping[str, Any], tell: Tell = lambda piece: None
    ) -> Reply:
        """Have a conversation answered, in the form of the server's chat template."""
        return self._ask(
            "chat/completions",
            {"messages": messages},
            options,
            lambda choice: (choice.get("delta") or {}).get("content"),
            tell,
        )

    def _ask(
        self,
        path: str,
        asked: Mapping[str, Any],
        options: Mapping[str, Any],
        text_of: Callable[[Mapping[str, Any]], str | None],
        tell: Tell,
        sleep: Sleep = time.sleep,
    ) -> Reply:
        named = {NAMES.get(name, name): value for name, value in options.items()}
        streamed = {"stream": True, "stream_options": {"include_usage": True}}
        text, tokens, finish = "", 0, ""
        with self._open(path, {"model": self.model, **asked, **named, **streamed}, sleep) as response:
            for event in _events(response):
                for choice in event.get("choices") or ():
                    if piece := text_of(choice):
                        text += piece
                        tell(piece)
                    finish = choice.get("finish_reason") or finish
                tokens = (event.get("usage") or {}).get("completion_tokens") or tokens
        return Reply(text, tokens, finish)

    def _open(self, path: str, body: Mapping[str, Any] | None, sleep: Sleep = time.sleep) -> HTTPResponse:
        headers = {"Content-Type": "application/json"} | ({"Authorization": f"Bearer {self._key}"} if self._key else {})
        request = Request(f"{self.url}/{path}", None if body is None else _encoded(body), headers)
        until, resets_left = time.monotonic() + PATIENCE, MOST_RESETS
        while True:
            try:
                return cast(HTTPResponse, self._opener.open(request, timeout=PATIENCE))
            except HTTPError as error:
                pause = _pause(error)
                if pause is None or time.monotonic() + pause > until:
                    raise _refusal(self.url, error) from None
            except (URLError, OSError, HTTPException) as error:
                reason, pause = getattr(error, "reason", error), RESET_PAUSE
                if not isinstance(reason, ConnectionResetError) or not resets_left:
                    message = f"nothing answers at {self.url}: {reason}"
                    raise UsageError(message, "`ftk serve --list` shows what is served") from None
                resets_left -= 1
            sleep(pause)


def _encoded(body: Mapping[str, Any]) -> bytes:
    """What a request says.

    :raises UsageError: where it is no text, of which servers make all kinds of things.
    """
    try:
        return json.dumps(body, ensure_ascii=False).encode()
    except UnicodeEncodeError:
        raise UsageError("what is asked is no text in UTF-8", "write whole characters, in that encoding") from None


def _is_name(host: str) -> bool:
    """Whether a machine can have this name."""
    try:
        host.encode("idna")
    except UnicodeError:
        return False
    return True


def _opener(host: str) -> OpenerDirector:
    # A redirection could carry the key elsewhere; and what is on this machine is not asked through a proxy.
    return build_opener(_NoRedirection, *([ProxyHandler({})] if is_loopback(host) else []))


class _NoRedirection(HTTPRedirectHandler):
    def redirect_request(self, *arguments: Any) -> None:
        """Follow none."""


def _pause(error: HTTPError) -> float | None:
    """The seconds after which a full server wants to be asked again; None where it does not say so."""
    said = error.headers.get("Retry-After", "").strip()
    return float(said) if error.code in FULL and said.isdecimal() else None


def _refusal(url: str, error: HTTPError) -> FtkError:
    """Why the server did not take a request."""
    if error.code in (401, 403):
        return UsageError(f"{url} wants another key", f"export {KEY_VARIABLE}=... with the key of the server")
    message = _message(error.read()) or error.reason
    kind = UsageError if 400 <= error.code < 500 else FtkError
    return kind(f"{url} answers {error.code}: {message}", None)


def _message(body: bytes) -> str | None:
    """What an error's body says, in one of the forms in which servers say it."""
    try:
        said = json.loads(body)
        said = said.get("error") or said.get("detail") or said.get("message")
        return str(said["message"] if isinstance(said, Mapping) else said) if said else None
    except (ValueError, LookupError, AttributeError):
        return None


def _events(response: HTTPResponse) -> Iterator[dict[str, Any]]:
    """The events of a stream.

    :raises FtkError: when it breaks off, or tells of an error.
    """
    try:
        for line in response:
            said = line.decode(errors="replace").strip()
            if said.startswith(DATA) and (said := said.removeprefix(DATA).strip()):
                if said == DONE:
                    return
                event = json.loads(said)
                if "error" in event:
                    raise FtkError(f"the server failed: {_message(said.encode())}")
                yield event
    except (OSError, HTTPException, ValueError) as error:
        raise FtkError(f"the answer broke off: {error}") from None
    raise FtkError("the answer broke off", "`ftk serve --list` shows whether the server is still there")
