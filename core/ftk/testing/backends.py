"""What every backend keeps to, seen by runs on it of an engine that needs no time."""

import json
from collections.abc import Iterator, Sequence
from contextlib import suppress
from io import BytesIO

from ftk.backend import Backend
from ftk.command import PYTHON, Command, Environment
from ftk.errors import UsageError
from ftk.home import Home
from ftk.hooks.manager import Manager
from ftk.runs.record import RunRecord
from ftk.scaffold.package import PLACEHOLDER, TEMPLATES
from ftk.server import HOST, PORT, Endpoint
from ftk.serving.watching import end_of, wait_until_ready
from ftk.testing.calls import Ftk
from ftk.testing.checks import Check, Finding, findings
from ftk.testing.engines import write_small_config

ENGINE = "abacus"

ENVIRONMENT = Environment("plain")
"""In which a server of the Python library runs."""

LONG = "max_steps=100000"
"""Steps that take longer than any check."""


class Subject:
    """A backend under test.

    :param name: by which a config chooses it.
    :param ftk: calls ftk in an empty folder.
    """

    def __init__(self, name: str, ftk: Ftk) -> None:
        self.name = name
        self.ftk = ftk
        write_small_config(ftk.folder, ENGINE, ("merge", "generate"))
        (ftk.folder / f"{ENGINE}.py").write_text(_engine_source(), encoding="utf-8")

    def run(self, *arguments: str) -> str | None:
        """Do a run; what went wrong with it."""
        call = ("run", "config.yml", "--backend", self.name, "--plugin", f"{ENGINE}.py", *arguments)
        done = self.ftk(*call)
        return done.stderr.strip()[-2000:] if done.returncode else None

    def backend(self) -> Backend:
        """The backend itself."""
        return Manager.load().backend(self.name, Home(self.ftk.runs, self.ftk.cache))

    def newest(self) -> RunRecord:
        """The newest run."""
        backend = self.backend()
        return RunRecord(backend, backend.runs()[-1])


def _engine_source() -> str:
    """The engine that authors of engines start from, as a single file that every backend finds in the run's folder."""
    source = (TEMPLATES / "engine" / f"ftk_{PLACEHOLDER}.py").read_text(encoding="utf-8")
    source = source.replace(f'(PYTHON, "-m", "ftk_{PLACEHOLDER}")', f'(PYTHON, Artifact("run", "plugins/{ENGINE}.py"))')
    return source.replace(PLACEHOLDER, ENGINE)


def backend_findings(name: str, ftk: Ftk) -> Iterator[Finding]:
    """Look at the backend through runs on it.

    :param ftk: calls ftk in an empty folder.
    """
    subject = Subject(name, ftk)
    first = next(findings([a_run_ends_well], subject))
    yield first
    if first.problem is None:
        yield from findings(BACKEND_CHECKS, subject)


def a_run_ends_well(subject: Subject) -> str | None:
    """A run of a plugin in a single file ends well."""
    return subject.run()


def runs_are_listed(subject: Subject) -> str | None:
    """The run is listed, and finished."""
    known = json.loads(subject.ftk("runs", "--backend", subject.name, "--json").stdout)
    return None if [item["state"] for item in known] == ["finished"] else f"`ftk runs` says {known}"


def files_can_be_read(subject: Subject) -> str | None:
    """Files and folders of a run can be read, and what is not there is told as FileNotFoundError."""
    record = subject.newest()
    backend = record.backend
    names = list(backend.list(record.id, "stages"))
    if names != sorted(f"{stage}.json" for stage in ("stage_data", "prepare_model", "train", "merge")):
        return f"the stages are {names}"
    if list(backend.list(record.id, "no-such-folder")):
        return "a folder that is not there has something in it"
    try:
        backend.open(record.id, "no-such-file").close()
    except FileNotFoundError:
        return None if b"base_model" in backend.open(record.id, "resolved.yml").read() else "resolved.yml is another"
    return "a file that is not there could be opened"


def files_can_be_fetched(subject: Subject) -> str | None:
    """The files of a run are listed with their sizes, and can be fetched whole."""
    record = subject.newest()
    stored = record.backend.stored(record.id, "")
    with record.backend.open(record.id, "resolved.yml") as opened:
        content = opened.read()
    if "resolved.yml" not in stored or stored["resolved.yml"].size != len(content):
        return f"it lists {dict(stored)}"
    if list(record.backend.stored(record.id, "resolved.yml")) != ["resolved.yml"]:
        return "one file is listed as something else"
    if record.backend.stored(record.id, "no-such-folder"):
        return "a folder that is not there has something in it"
    stream = BytesIO()
    come: list[int] = []
    record.backend.fetch(record.id, "resolved.yml", stream, come.append)
    if stream.getvalue() != content or sum(come) != len(content):
        return f"of {len(content)} bytes it fetches {len(stream.getvalue())}, and tells of {sum(come)}"
    return None


def scratch_comes_and_goes(subject: Subject) -> str | None:
    """A file can be written into a scratch folder, read, and removed with it; what is gone already is no error."""
    record = subject.newest()
    backend = record.backend
    backend.put(record.id, "scratch/deep/file", b"kept")
    if backend.open(record.id, "scratch/deep/file").read() != b"kept":
        return "what was written is not what is read"
    backend.discard(record.id, "scratch")
    backend.discard(record.id, "scratch")
    left = list(backend.list(record.id, ""))
    return f"it leaves {left}" if "scratch" in left else None


def a_model_can_be_asked(subject: Subject) -> str | None:
    """The model of a run can be asked, a wrong question is told, and neither leaves anything in the run."""
    record = subject.newest()
    before = set(record.backend.list(record.id, ""))
    asked = subject.ftk("infer", "--backend", subject.name, "--field", "question=what is 1 and 1?")
    if asked.returncode:
        return asked.stderr.strip()[-2000:]
    refused = subject.ftk("infer", "--backend", subject.name, "--field", "colour=red")
    if refused.returncode != UsageError.exit_code or "question" not in refused.stderr:
        return f"a wrong question ends with {refused.returncode} and {refused.stderr.strip()[-2000:]!r}"
    left = set(record.backend.list(record.id, "")) - before
    return f"it leaves {sorted(left)}" if left else None


def a_server_is_kept(subject: Subject) -> str | None:
    """A server answers until it is stopped, and its run stays meanwhile; or the backend says that it starts none."""
    record = subject.newest()
    backend = record.backend
    command = Command((PYTHON, "-m", "http.server", "--bind", HOST, PORT), ENVIRONMENT.name)
    runs, settings = (record.id,), record.config().ftk
    endpoint = Endpoint(command, "/", key_variable="KEY", models=("files",), runs=runs, settings=settings)
    try:
        server = backend.start_server(endpoint, ENVIRONMENT, "127.0.0.1", 0, "secret")
    except UsageError:
        return None if not backend.servers() else "it starts no servers, but has some"
    try:
        if not wait_until_ready(backend, server, lambda: False, lambda seconds: None):
            return f"it did not become ready: {end_of(backend, server, ())}"
        if [item.id for item in backend.servers()] != [server.id]:
            return f"the servers are {backend.servers()}"
        with suppress(UsageError):
            backend.remove(record.id)
            return "its run was removed"
    finally:
        backend.stop_server(server.id)
    backend.stop_server(server.id)
    return f"stopped, it leaves {backend.servers()}" if backend.servers() else None


def output_is_kept(subject: Subject) -> str | None:
    """What commands print is kept in the log."""
    (subject.ftk.folder / f"{ENGINE}.py").write_text(_engine_source() + "\nprint('heard')\n", encoding="utf-8")
    problem = subject.run()
    (subject.ftk.folder / f"{ENGINE}.py").write_text(_engine_source(), encoding="utf-8")
    if problem:
        return problem
    printed = subject.ftk("logs", "--backend", subject.name).stdout
    return None if "heard" in printed else f"the log is {printed[-500:]!r}"


def a_failed_command_fails_the_run(subject: Subject) -> str | None:
    """A command that fails makes the run fail, with its last line told."""
    broken = _engine_source().replace(
        'if __name__ == "__main__":', 'if __name__ == "__main__":\n    sys.exit("no luck")', 1
    )
    (subject.ftk.folder / f"{ENGINE}.py").write_text(broken, encoding="utf-8")
    problem = subject.run()
    (subject.ftk.folder / f"{ENGINE}.py").write_text(_engine_source(), encoding="utf-8")
    if problem is None or "no luck" not in problem:
        return f"it was told as {problem!r}"
    state = subject.newest().state()
    return None if state == "failed" else f"its state is {state}"


def a_working_run_is_known(subject: Subject) -> str | None:
    """While a run works, it is `working`, nobody else starts or removes it; cancelled, nobody works on it."""
    if problem := subject.run("--detach", "--set", LONG):
        return problem
    record = subject.newest()
    subject.ftk.wait_for(lambda: any(event.kind == "metrics" for event in record.events()))
    if record.backend.activity(record.id) != "working":
        return f"its activity is {record.backend.activity(record.id)}"
    try:
        record.backend.submit(record.id, [], record.config().values)
    except UsageError:
        pass
    else:
        return "a second driver was started"
    try:
        record.backend.remove(record.id)
    except UsageError:
        pass
    else:
        return "it was removed at work"
    record.backend.cancel(record.id, now=False)
    subject.ftk.wait_for(lambda: record.backend.activity(record.id) == "idle")
    return None if record.state() == "cancelled" else f"cancelled, its state is {record.state()}"


def a_cancelled_run_goes_on(subject: Subject) -> str | None:
    """A cancelled run goes on from its checkpoint."""
    record = subject.newest()
    done = subject.ftk(
        "run", "--resume", record.id, "--backend", subject.name, "--set", "max_steps=12", "--from", "train"
    )
    return done.stderr.strip()[-2000:] if done.returncode else None


def a_run_is_removed(subject: Subject) -> str | None:
    """A run that nobody works on can be removed, and the others stay."""
    record = subject.newest()
    before = record.backend.runs()
    record.backend.remove(record.id)
    return None if record.backend.runs() == before[:-1] else f"of {before} it leaves {record.backend.runs()}"


BACKEND_CHECKS: Sequence[Check[Subject]] = (
    runs_are_listed,
    files_can_be_read,
    files_can_be_fetched,
    scratch_comes_and_goes,
    a_model_can_be_asked,
    a_server_is_kept,
    output_is_kept,
    a_failed_command_fails_the_run,
    a_working_run_is_known,
    a_cancelled_run_goes_on,
    a_run_is_removed,
)
