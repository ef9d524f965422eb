"""Whether the hub can be reached, told within seconds whatever happens."""

import socket
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path

import pytest

from ftk.plugin import Diagnosis
from ftk_models import reach


@pytest.fixture(autouse=True)
def nothing_set(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """No token, and a short patience."""
    for name in ("HF_TOKEN", "HUGGING_FACE_HUB_TOKEN", "HF_TOKEN_PATH", "HF_HUB_OFFLINE", "HF_ENDPOINT"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("HF_HOME", str(tmp_path))
    monkeypatch.setattr(reach, "PATIENCE", 0.3)


@pytest.fixture
def server() -> Iterator[str]:
    """A hub that knows nothing."""

    class Handler(BaseHTTPRequestHandler):
        def do_HEAD(self) -> None:
            self.send_error(404)

        def log_message(self, *arguments: object) -> None:
            pass

    with HTTPServer(("127.0.0.1", 0), Handler) as hub:
        threading.Thread(target=hub.serve_forever, daemon=True).start()
        yield f"http://127.0.0.1:{hub.server_port}"
        hub.shutdown()


def hub() -> Diagnosis:
    return next(item for item in reach.diagnose() if item.subject == "model hub")


def token() -> Diagnosis:
    return next(item for item in reach.diagnose() if item.subject == "token of the hub")


def test_a_hub_that_answers_is_reached(server: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HF_ENDPOINT", server)
    assert hub() == Diagnosis("model hub", "ok", f"{server} answers")


def test_a_hub_that_is_silent_is_not_waited_for(monkeypatch: pytest.MonkeyPatch) -> None:
    with socket.create_server(("127.0.0.1", 0)) as silent:
        monkeypatch.setenv("HF_ENDPOINT", f"http://127.0.0.1:{silent.getsockname()[1]}")
        assert hub().verdict == "note"


@pytest.mark.parametrize("endpoint", ["http://127.0.0.1:9", "http://hub.invalid", "nonsense", "http://", "http://a b"])
def test_a_hub_that_is_not_there_is_told(monkeypatch: pytest.MonkeyPatch, endpoint: str) -> None:
    monkeypatch.setenv("HF_ENDPOINT", endpoint)
    detail = hub().detail
    assert detail.startswith(f"{endpoint} cannot be reached: ")
    assert "no answer in" not in detail


def test_offline_is_told(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HF_HUB_OFFLINE", "1")
    assert "HF_HUB_OFFLINE is set" in hub().detail


def test_a_token_is_told_but_not_shown(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HF_HUB_OFFLINE", "1")
    assert token().verdict == "note"
    (tmp_path / "token").write_text("hf_secret")
    assert token() == Diagnosis("token of the hub", "ok", "there is one")
    (tmp_path / "token").unlink()
    monkeypatch.setenv("HF_TOKEN", "hf_secret")
    assert token() == Diagnosis("token of the hub", "ok", "there is one")
