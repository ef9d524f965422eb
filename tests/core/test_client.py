"""A server is asked, and whatever it does wrong is told."""

import json
import socket
import struct
import threading
from collections.abc import Iterator, Mapping
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from types import MappingProxyType
from typing import Any

import pytest

from ftk.errors import Cancelled, FtkError, ProblemsFound, UsageError
from ftk.runs.events import Event
from ftk.runs.questions import Question
from ftk.serving.asking import AT_ONCE, ask_many, ask_one
from ftk.serving.client import MOST_RESETS, RESET_PAUSE, Client, Reply

KEY = "secret"


class Handler(BaseHTTPRequestHandler):
    """Says the words of a prompt one by one; what it does wrong is the model's name."""

    def log_message(self, *arguments: Any) -> None:
        """Nothing."""

    def do_GET(self) -> None:
        self.server.keys.append(self.headers.get("Authorization"))  # type: ignore[attr-defined]
        if self.headers.get("Authorization") != f"Bearer {KEY}":
            self.send_error(401)
        elif self.path == "/v1/models":
            self._send(200, {"data": [{"id": "first"}, {"id": "second"}]})
        else:
            self.send_error(404)

    def do_POST(self) -> None:
        body = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
        self.server.bodies.append(body)  # type: ignore[attr-defined]
        match body["model"]:
            case "moved":
                self.send_response(302)
                self.send_header("Location", "/v1/models")
                self.end_headers()
            case "wrong":
                self._send(400, {"error": {"message": "top_q is unknown"}})
            case "full" if self.server.full > 0:  # type: ignore[attr-defined]
                self.server.full -= 1  # type: ignore[attr-defined]
                self._send(503, {"error": {"message": "ask again"}}, {"Retry-After": "0"})
            case "full for long" if body["prompt"] != "wrong":
                self._send(429, {"error": {"message": "ask again"}}, {"Retry-After": body["prompt"]})
            case "full for long":
                self._send(400, {"error": {"message": "top_q is unknown"}})
            case "tired":
                with self.server.lock:  # type: ignore[attr-defined]
                    self.server.full -= 1  # type: ignore[attr-defined]
                    tired = self.server.full < 0  # type: ignore[attr-defined]
                if tired:
                    self._send(500, {"error": {"message": "I am tired"}})
                else:
                    self._stream(body, "tired")
            case "resetting" if self.server.full > 0:  # type: ignore[attr-defined]
                self.server.full -= 1  # type: ignore[attr-defined]
                # Closed so that the client is told at once, as by a server whose door is crowded.
                self.connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
                self.connection.close()
            case "down":
                self._send(503, {"error": {"message": "there is nobody"}})
            case model:
                self._stream(body, model)

    def _send(self, code: int, value: Any, headers: Mapping[str, str] = MappingProxyType({})) -> None:
        self.send_response(code)
        for name, content in headers.items():
            self.send_header(name, content)
        self.end_headers()
        self.wfile.write(json.dumps(value).encode())

    def _stream(self, body: dict[str, Any], model: str) -> None:
        self.send_response(200)
        self.end_headers()
        words = (body.get("prompt") or body["messages"][-1]["content"]).split(" ")
        for word in words:
            self._event({"choices": [{"text": f"{word}.", "delta": {"content": f"{word}!"}}]})
        if model == "broken":
            return
        if model == "failing":
            self._event({"error": {"message": "out of memory"}})
            return
        self.wfile.write(b": a comment\n\n")
        self._event({"choices": [{"text": "", "delta": {}, "finish_reason": "length"}]})
        self._event({"choices": [], "usage": {"completion_tokens": len(words)}})
        self.wfile.write(b"data: [DONE]\n\n")

    def _event(self, value: Any) -> None:
        self.wfile.write(f"data: {json.dumps(value)}\n\n".encode())


class Crowded(ThreadingHTTPServer):
    """A server with room for many at its door."""

    request_queue_size = 64
    lock = threading.Lock()


@pytest.fixture
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The cache."""
    monkeypatch.setenv("FTK_CACHE_DIR", str(tmp_path))
    return tmp_path


@pytest.fixture
def server(home: Path) -> Iterator[Any]:
    """A server."""
    with Crowded(("127.0.0.1", 0), Handler) as server:
        server.keys, server.bodies, server.full = [], [], 0  # type: ignore[attr-defined]
        server.url = f"http://127.0.0.1:{server.server_port}"  # type: ignore[attr-defined]
        threading.Thread(target=server.serve_forever, args=(0.01,), daemon=True).start()
        yield server
        server.shutdown()


def test_a_prompt_is_completed_as_it_stands_by_the_first_model(server: Any) -> None:
    pieces: list[str] = []
    reply = Client(server.url, key=KEY).complete("one two ", {"max_new_tokens": 3, "top_k": 2}, pieces.append)
    assert (reply, pieces) == (Reply("one.two..", 3, "length"), ["one.", "two.", "."])
    asked = {"model": "first", "prompt": "one two ", "max_tokens": 3, "top_k": 2}
    assert server.bodies == [{**asked, "stream": True, "stream_options": {"include_usage": True}}]


def test_a_conversation_is_answered(server: Any) -> None:
    reply = Client(f"{server.url}/v1/", "second", KEY).chat([{"role": "user", "content": "one two"}], {})
    assert reply.text == "one!two!"


def _numbered(count: int) -> list[Question]:
    return [Question(f"prompts.jsonl:{number}", {"prompt": f"a {number}"}) for number in range(count)]


def test_many_are_asked_and_answered_in_order(server: Any) -> None:
    events: list[Event] = []
    answers = ask_many(Client(server.url, key=KEY), _numbered(40), {}, events.append)
    assert [answer["text"] for answer in answers.answers] == [f"a.{number}." for number in range(40)]
    assert answers.tokens == 80
    assert [event["done"] for event in events if event.kind == "generation"] == list(range(1, 41))


def test_one_failure_among_many_costs_no_more_than_what_is_on_its_way(server: Any, home: Path) -> None:
    client = Client(server.url, "tired", KEY)
    server.full = 30
    with pytest.raises(FtkError, match=r"^prompts.jsonl:\d+: .* answers 500: I am tired\n.* the same call goes on$"):
        ask_many(client, _numbered(40), {})
    (kept,) = (len(path.read_text().splitlines()) for path in home.glob("answers/*"))
    assert 30 - AT_ONCE < kept <= 30
    server.full, server.bodies[:] = 40, []
    answers = ask_many(client, _numbered(40), {})
    assert [answer["text"] for answer in answers.answers] == [f"a.{number}." for number in range(40)]
    assert (len(server.bodies), answers.tokens) == (40 - kept, 2 * (40 - kept))
    assert not list(home.glob("answers/*"))


def test_what_an_interrupted_call_has_is_gone_on_with(server: Any) -> None:
    client = Client(server.url, key=KEY)
    seen: list[Event] = []

    def interrupt(event: Event) -> None:
        seen.append(event)
        if len(seen) == 5:
            raise KeyboardInterrupt

    with pytest.raises(Cancelled):
        ask_many(client, _numbered(200), {}, interrupt)
    server.bodies.clear()
    ask_many(client, _numbered(200), {})
    assert len(server.bodies) == 195


def test_a_call_that_differs_begins_anew(server: Any) -> None:
    client = Client(server.url, "tired", KEY)
    with pytest.raises(FtkError):
        ask_many(client, _numbered(4), {})
    server.full = 100
    for other, options in ((client, {"top_k": 2}), (Client(server.url, "first", KEY), {})):
        server.bodies.clear()
        ask_many(other, _numbered(4), options)
        assert len(server.bodies) == 4


def test_the_same_call_twice_at_once_is_refused(server: Any) -> None:
    client = Client(server.url, key=KEY)
    with pytest.raises(UsageError, match="is being answered by another process"):
        ask_many(client, _numbered(2), {}, lambda event: ask_many(client, _numbered(2), {}) and None)


def test_a_full_server_is_asked_again(server: Any) -> None:
    server.full = 3
    answers = ask_many(Client(server.url, "full", KEY), _numbered(4), {})
    assert [answer["text"] for answer in answers.answers] == [f"a.{number}." for number in range(4)]
    assert len(server.bodies) == 7


def test_a_request_whose_connection_was_reset_is_sent_again(server: Any) -> None:
    server.full = MOST_RESETS
    slept: list[float] = []
    assert Client(server.url, "resetting", KEY).complete("a", {}, sleep=slept.append).text == "a."
    assert slept == [RESET_PAUSE] * MOST_RESETS


def test_a_server_that_resets_every_connection_is_told(server: Any) -> None:
    server.full = MOST_RESETS + 1
    with pytest.raises(UsageError, match=r"nothing answers at .*reset by peer"):
        Client(server.url, "resetting", KEY).complete("a", {}, sleep=lambda seconds: None)


def test_a_server_that_is_full_for_longer_than_anybody_waits_is_told(server: Any) -> None:
    with pytest.raises(UsageError, match="answers 429: ask again"):
        Client(server.url, "full for long", KEY).complete("3600", {})


def test_nobody_waits_for_a_full_server_when_another_question_has_failed(server: Any) -> None:
    prompts = [Question(prompt, {"prompt": prompt}) for prompt in ("wrong", "500", "500")]
    with pytest.raises(UsageError, match=r"^wrong: .* answers 400"):
        ask_many(Client(server.url, "full for long", KEY), prompts, {})


def test_one_is_told_as_it_comes(server: Any) -> None:
    events: list[Event] = []
    ask_one(Client(server.url, key=KEY), [Question("x", {"prompt": "one two"})], {}, events.append)
    assert [event["text"] for event in events if event.kind == "text"] == ["one.", "two."]


@pytest.mark.parametrize("ask", [ask_one, ask_many])
def test_fields_are_for_runs(server: Any, ask: Any) -> None:
    with pytest.raises(ProblemsFound, match="--field: a server takes no fields"):
        ask(Client(server.url, "x"), [Question("--field", {"question": "why"})], {})


@pytest.mark.parametrize(
    ("model", "kind", "message"),
    [
        ("wrong", UsageError, "answers 400: top_q is unknown"),
        ("broken", FtkError, "the answer broke off"),
        ("failing", FtkError, "the server failed: out of memory"),
        ("moved", FtkError, "answers 302"),
        ("down", FtkError, "answers 503: there is nobody"),
    ],
)
def test_what_goes_wrong_is_told(server: Any, model: str, kind: type[FtkError], message: str) -> None:
    with pytest.raises(kind, match=message):
        Client(server.url, model, KEY).complete("hello", {})
    assert server.keys == []  # a redirection is not followed: it could carry the key elsewhere


@pytest.mark.parametrize("key", [None, "wrong"])
def test_a_wrong_key_is_told(server: Any, key: str | None) -> None:
    with pytest.raises(UsageError, match=r"wants another key\n.*FTK_API_KEY"):
        Client(server.url, key=key)


@pytest.mark.parametrize(
    ("url", "message"),
    [
        ("http://127.0.0.1:9", "nothing answers at http://127.0.0.1:9/v1: .*Connection refused"),
        ("127.0.0.1:8000", "is no address of a server"),
        ("ftp://x", "is no address of a server"),
        ("http://127.0.0.1:x", "is no address of a server"),
        ("http://a..b", "is no address of a server"),
        (f"http://{'a' * 64}.org", "is no address of a server"),
    ],
)
def test_no_server_is_told(url: str, message: str) -> None:
    with pytest.raises(UsageError, match=message):
        Client(url)
