"""A stand-in for the Hugging Face hub on this machine: as much of its HTTP interface as a download needs."""

import hashlib
import json
import re
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from threading import Thread

COMMIT = "0123456789abcdef0123456789abcdef01234567"
LATER = "89abcdef0123456789abcdef0123456789abcdef"
REVISIONS = ("main", "v1", COMMIT, LATER)
TOKEN = "hf_good"

_API = re.compile(
    r"/api/(models|datasets)/(?P<repo>[\w-]+/[\w-]+)(/(?P<what>revision|tree)/(?P<revision>[^/?]+))?(\?.*)?"
)
_FILE = re.compile(r"/(datasets/)?(?P<repo>[\w-]+/[\w-]+)/resolve/(?P<revision>[^/?]+)/(?P<path>[^?]+)")


@dataclass
class Hub:
    """The state of a stand-in.

    :param repos: files by repository and path.
    :param gated: repositories whose files only the holder of `TOKEN` is given.
    :param failing: repositories that are answered with this status.
    :param cut: repositories whose files end in the middle.
    :param fetched: the paths of the files that were given.
    :param later: the files of repositories that have moved on: what `main` is since then, as the commit `LATER`.
    """

    repos: Mapping[str, Mapping[str, bytes]]
    gated: tuple[str, ...] = ()
    failing: Mapping[str, int] = field(default_factory=dict)
    cut: tuple[str, ...] = ()
    fetched: list[str] = field(default_factory=list)
    later: dict[str, Mapping[str, bytes]] = field(default_factory=dict)
    url: str = ""

    def at(self, repo: str, revision: str) -> tuple[str, Mapping[str, bytes]]:
        """The commit that a revision is, and its files."""
        is_later = repo in self.later and revision in ("main", LATER)
        return (LATER, self.later[repo]) if is_later else (COMMIT, self.repos[repo])


@contextmanager
def serving(hub: Hub) -> Iterator[Hub]:
    """Serve while the block runs, at `hub.url`."""

    class Handler(_Handler):
        state = hub

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    hub.url = f"http://127.0.0.1:{server.server_port}"
    thread = Thread(target=server.serve_forever, args=(0.01,), daemon=True)
    thread.start()
    try:
        yield hub
    finally:
        server.shutdown()
        server.server_close()
        thread.join()


class _Handler(BaseHTTPRequestHandler):
    state: Hub
    cut = False
    protocol_version = "HTTP/1.1"

    def do_HEAD(self) -> None:
        self.do_GET()

    def do_GET(self) -> None:
        request = _API.fullmatch(self.path) or _FILE.fullmatch(self.path)
        token = self.headers.get("Authorization")
        if request is None:
            self.refuse(404, "EntryNotFound", "Not found")
        elif token not in (None, f"Bearer {TOKEN}"):
            self.refuse(401, None, "Invalid credentials in Authorization header")
        elif request["repo"] in self.state.failing:
            self.refuse(self.state.failing[request["repo"]], None, "No")
        elif request["repo"] not in self.state.repos:
            self.refuse(404 if token else 401, "RepoNotFound", "Repository not found")
        elif (request["revision"] or "main") not in REVISIONS:
            self.refuse(404, "RevisionNotFound", "Invalid rev id")
        elif request.re is _API:
            self.describe(request["repo"], request["revision"] or "main", request["what"])
        elif request["repo"] in self.state.gated and token is None:
            self.refuse(403, "GatedRepo", "Access to this model is restricted")
        else:
            self.give(request["repo"], request["revision"], request["path"])

    def describe(self, repo: str, revision: str, what: str | None) -> None:
        """Tell of a repository, or list its files."""
        commit, contents = self.state.at(repo, revision)
        listing = [
            {"type": "file", "path": path, "size": len(content), "oid": hashlib.sha1(content).hexdigest()}
            for path, content in contents.items()
        ]
        about = {"id": repo, "sha": commit, "siblings": [{"rfilename": path} for path in contents]}
        self.answer(200, json.dumps(listing if what == "tree" else about).encode(), {})

    def give(self, repo: str, revision: str, path: str) -> None:
        """Send a file."""
        commit, contents = self.state.at(repo, revision)
        content = contents[path]
        if self.command == "GET":
            self.state.fetched.append(path)
        self.cut = repo in self.state.cut
        self.answer(200, content, {"ETag": f'"{hashlib.sha1(content).hexdigest()}"', "X-Repo-Commit": commit})

    def refuse(self, status: int, code: str | None, message: str) -> None:
        """Send an error as the hub does."""
        self.answer(status, b"", {"X-Error-Message": message, **({"X-Error-Code": code} if code else {})})

    def answer(self, status: int, content: bytes, headers: Mapping[str, str]) -> None:
        self.send_response(status)
        for name, value in {"Content-Length": str(len(content)), **headers}.items():
            self.send_header(name, value)
        self.end_headers()
        if self.command == "GET":
            self.wfile.write(content[: len(content) // 2] if self.cut else content)
            self.close_connection = self.cut

    def log_message(self, format: str, *arguments: object) -> None:
        pass
