"""What stands before the embedded server's application, asked as uvicorn asks it."""

import asyncio
from typing import Any

import pytest

from ftk_transformers.server import guard


class Asked:
    """An application behind the guard, which keeps the body that it is given."""

    def __init__(self, most_bytes: int) -> None:
        self.guard = guard.Guard(self.answer, None, most_bytes, 1)
        self.body: bytes | None = None

    async def answer(self, scope: Any, receive: Any, send: Any) -> None:
        self.body = (await receive())["body"]
        await send({"type": "http.response.start", "status": 200})

    def send(self, parts: list[bytes]) -> tuple[int, int]:
        """The status of a request with these parts, and how many of them were not read."""
        statuses: list[int] = []

        async def receive() -> guard.Message:
            if not parts:
                await asyncio.Event().wait()  # nothing more comes, and the client stays
            return {"type": "http.request", "body": parts.pop(0), "more_body": bool(parts)}

        async def send(message: guard.Message) -> None:
            statuses.append(message.get("status", 0))

        asyncio.run(self.guard({"type": "http", "path": "/v1/completions", "headers": []}, receive, send))
        return statuses[0], len(parts)


def test_a_request_may_be_larger_than_what_is_read_of_a_refused_one(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(guard, "MOST_DRAINED", 4)
    asked = Asked(most_bytes=10)
    assert asked.send([b"abc", b"def", b"ghij"]) == (200, 0)
    assert asked.body == b"abcdefghij"


def test_a_refused_request_is_read_only_so_far(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(guard, "MOST_DRAINED", 4)
    asked = Asked(most_bytes=2)
    assert asked.send([b"abc", b"def", b"ghi", b"jkl"]) == (413, 2)
    assert asked.body is None
