"""What stands before vLLM's application, asked as uvicorn asks it."""

import asyncio
from collections.abc import Mapping
from pathlib import Path
from runpy import run_path
from typing import Any

import pytest

GUARD = Path(__file__).parents[3] / "plugins" / "ftk_vllm" / "engine" / "ftk_guard.py"


class Asked:
    """An application behind the guard: `status(...)` is what a request gets; 200 where the application answers."""

    def __init__(self) -> None:
        self.guard = run_path(str(GUARD))["Guard"](self.answer)
        self.left = [b"half", b"half"]

    async def answer(self, scope: Any, receive: Any, send: Any) -> None:
        await send({"type": "http.response.start", "status": 200})

    def status(self, path: str, method: str = "POST", kind: str = "http", **headers: str) -> int:
        sent: list[Mapping[str, Any]] = []

        async def receive() -> Mapping[str, Any]:
            return {"type": "http.request", "body": self.left.pop(), "more_body": bool(self.left)}

        async def send(message: Mapping[str, Any]) -> None:
            sent.append(message)

        named = [(name.replace("_", "-").encode(), value.encode()) for name, value in headers.items()]
        scope = {"type": kind, "path": path, "method": method, "headers": named}
        asyncio.run(self.guard(scope, receive, send))
        return int(sent[0].get("status") or sent[0]["code"])


@pytest.mark.parametrize("path", ["/v1/completions", "/invocations", "/tokenize", "/metrics", "/v1/models"])
def test_a_key_guards_every_path(path: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("VLLM_API_KEY", "secret")
    assert Asked().status(path) == 401
    assert Asked().status(path, authorization="Bearer secre") == 401
    assert Asked().status(path, authorization="Bearer secret") == 200
    assert Asked().status("/v1/realtime", kind="websocket") == 1008
    refused = Asked()
    refused.status(path)
    assert refused.left == []  # read, so that who sends still hears the answer


def test_health_and_preflights_need_no_key(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("VLLM_API_KEY", "secret")
    assert Asked().status("/health", method="GET") == 200
    assert Asked().status("/v1/completions", method="OPTIONS") == 200


def test_without_key_and_limit_all_is_let_through(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("VLLM_API_KEY", raising=False)
    assert Asked().status("/v1/completions") == 200


def test_large_requests_are_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("FTK_MAX_REQUEST_BYTES", "100")
    assert Asked().status("/v1/completions", content_length="101") == 413
    assert Asked().status("/v1/completions", content_length="100") == 200
    assert Asked().status("/v1/completions", transfer_encoding="chunked") == 411
    assert Asked().status("/v1/models", method="GET") == 200
