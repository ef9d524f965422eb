"""The server of the toy engine: `python -m ftk_toy.server HOST PORT NAME BASE ADAPTER [WHAT]`.

WHAT it does wrong: `--crash` ends it at once, `--sleep` keeps it from becoming ready, `--stubborn` ignores SIGTERM, and
`--child` starts a process that does the same; `--halting` says the first word of an answer alone. `--guarded` is there
with a key, and means nothing to it.
"""

import json
import os
import re
import signal
import subprocess
import sys
import time
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

from ftk.plugin import files
from ftk_toy.__main__ import LEARNED_FILE, PAUSE, _encode, _key

KEY = os.environ.get("TOY_KEY")


class Crowded(ThreadingHTTPServer):
    """A server with room for many at its door."""

    request_queue_size = 64


class Handler(BaseHTTPRequestHandler):
    """Answers with what was learned, or with the length of the prompt."""

    name: str
    base: Path
    learned: dict[str, str]
    halts: bool

    def log_message(self, *arguments: Any) -> None:
        """Nothing."""

    def do_GET(self) -> None:
        """Say what is served, or that it is."""
        if self.path == "/health":
            self._send(200, {})
        elif self._is_known():
            self._send(200, {"data": [{"id": self.name}]})

    def do_POST(self) -> None:
        """Answer a completion, or the questions of a chat as if they were one."""
        body = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
        if not self._is_known():
            return
        if body["model"] != self.name:
            self._send(404, {"error": {"message": f"there is no model {body['model']}"}})
            return
        said = [message["content"] for message in body.get("messages", []) if message["role"] in ("system", "user")]
        prompt = body["prompt"] if "prompt" in body else " ".join([*said, ""])
        ids = _encode(self.base, prompt)
        self._answer(self.learned.get(_key(ids), f"{len(ids)} characters"), bool(body.get("stream")))

    def _is_known(self) -> bool:
        known = KEY is None or self.headers.get("Authorization") == f"Bearer {KEY}"
        if not known:
            self._send(401, {"error": {"message": "wrong key"}})
        return known

    def _answer(self, text: str, streams: bool) -> None:
        if not streams:
            self._send(200, {"choices": [_choice(text)]})
            return
        self.send_response(200)
        self.end_headers()
        for number, word in enumerate(re.findall(r"\S+\s*", text)):
            time.sleep(600 if self.halts and number else PAUSE)
            self.wfile.write(f"data: {json.dumps({'choices': [_choice(word)]})}\n\n".encode())
        self.wfile.write(b"data: [DONE]\n\n")

    def _send(self, code: int, value: Any) -> None:
        self.send_response(code)
        self.end_headers()
        self.wfile.write(json.dumps(value).encode())


def _choice(text: str) -> dict[str, Any]:
    said = {"role": "assistant", "content": text}
    return {"text": text, "message": said, "delta": said, "finish_reason": "stop"}


def main(host: str, port: str, name: str, base: str, adapter: str, *wrong: str) -> None:
    """Serve."""
    if "--crash" in wrong:
        sys.exit("the toy is broken")
    if "--stubborn" in wrong or "--child" in wrong:
        signal.signal(signal.SIGTERM, signal.SIG_IGN)
    if "--child" in wrong:
        subprocess.Popen([sys.executable, "-c", "import time; time.sleep(600)"], start_new_session=True)
    if "--sleep" in wrong:
        time.sleep(600)
    Handler.name, Handler.base, Handler.halts = name, Path(base), "--halting" in wrong
    Handler.learned = files.read_json(Path(adapter) / LEARNED_FILE) or {}
    Crowded((host, int(port)), Handler).serve_forever()


if __name__ == "__main__":
    main(*sys.argv[1:])
