"""The backend for Modal: a run is a folder on a volume, its driver and its commands are calls of Functions."""

import json
from collections.abc import Callable, Mapping, Sequence
from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING, Any, BinaryIO

from ftk.plugin import (
    Accelerator,
    Activity,
    Command,
    Endpoint,
    Environment,
    Home,
    Server,
    Stored,
    UsageError,
)
from ftk_modal import gpus
from ftk_modal.calls import held_back
from ftk_modal.drafts import read_config, with_model
from ftk_modal.driving import AT_ONCE, DRIVER, Wish, wish_path
from ftk_modal.executing import execute
from ftk_modal.inside import OWN
from ftk_modal.options import Names, Options
from ftk_modal.reading import Reader
from ftk_modal.secrets import find_secrets
from ftk_modal.serving import Servers
from ftk_modal.sites import Sites
from ftk_modal.states import is_working
from ftk_modal.troubles import told
from ftk_modal.uploading import Uploading
from ftk_modal.visits import Visit
from ftk_modal.volume import Store

if TYPE_CHECKING:
    import modal

INDEX = ".runs"
"""The folder of the volume with a file for each run: what has one is whole, what has none is no run."""

SUBMITTED = f"{OWN}/submitted.json"
"""Written by whoever submits: the driver's call, and the modules that ftk's image must have for the run."""


class ModalBackend:
    """Keeps runs on one volume and the cache on another.

    :param home: this machine's folders; the cache keeps wheels that images are made of.
    :raises UsageError: where Modal's client is not installed.
    """

    name = "modal"
    servers_are_public = True

    def __init__(self, home: Home) -> None:
        if find_spec("modal") is None:
            raise UsageError("Modal's client is not installed", '`pip install "finetune-kit[modal]"` brings it')
        self.names = Names.find()
        self.store = Store(self.names.runs)
        self.cache = Store(self.names.cache)
        self.sites = Sites(home, self.names)
        self._reader = Reader(self.store)
        self._servers = Servers(self.sites, self.store)

    def create(self, run_id: str, draft: Path) -> None:
        """Upload the draft, and a base model that lies on this machine, in one step each."""
        config = read_config(draft)
        find_secrets(config["ftk"], config)  # one that is missing is told before anything is sent
        content = {item.relative_to(draft).as_posix(): item for item in draft.rglob("*") if item.is_file()}
        files_of_run: dict[str, Path | bytes] = {f"{run_id}/{path}": item for path, item in content.items()}
        files_of_run |= with_model(run_id, draft, self.cache)
        self.store.write(
            {**files_of_run, f"{INDEX}/{run_id}": run_id.encode()}, Uploading(files_of_run, self.describe(run_id, ""))
        )
        self._reader.forget()

    def runs(self) -> list[str]:
        """The names in the index."""
        return list(self._reader.names(INDEX))

    def list(self, run_id: str, path: str) -> Sequence[str]:
        """The names in a folder of the run."""
        return self._reader.names(f"{run_id}/{path}".rstrip("/"))

    def open(self, run_id: str, path: str) -> BinaryIO:
        """A file of the run, fetched."""
        return self._reader.open(f"{run_id}/{path}")

    def stored(self, run_id: str, path: str) -> Mapping[str, Stored]:
        """The files by their paths, as the volume lists them."""
        found = self.store.entries(f"{run_id}/{path}".rstrip("/"), recursive=True)
        names = {entry.path.removeprefix(f"{run_id}/"): entry for entry in found if not entry.is_folder}
        return {
            name: Stored(entry.size, str(entry.time))
            for name, entry in sorted(names.items())
            if OWN not in name.split("/")
        }

    def fetch(self, run_id: str, path: str, stream: BinaryIO, advance: Callable[[int], None]) -> None:
        """Fetch the file's blocks, several at a time; each is verified by its digest."""
        self.store.fetch(f"{run_id}/{path}", stream, advance)

    def describe(self, run_id: str, path: str) -> str:
        """The volume and the path there, as `modal volume` takes them."""
        return f"{self.names.runs}:/{'/'.join(filter(None, (run_id, path)))}"

    def submit(self, run_id: str, arguments: Sequence[str], config: Mapping[str, Any]) -> None:
        """Deploy what is missing, and call the driver."""
        activity = self.activity(run_id)
        if activity == "working":
            raise UsageError(f"{run_id} is being worked on", f"`ftk attach {run_id}` shows it")
        if activity == "orphaned":
            self._end_orphans(run_id)
        drive, variables = self._prepared(run_id, "drive", config)
        with held_back(), told():
            call = drive.spawn(run_id, list(arguments), variables)
            record = {"call": call.object_id, "modules": sorted(self.sites.modules)}
            self.store.write({f"{run_id}/{SUBMITTED}": json.dumps(record).encode()})
        self._reader.forget()

    def activity(self, run_id: str) -> Activity:
        """Whether a call of the driver, or one that it has made, has not ended."""
        with told():
            if self._drivers(run_id):
                return "working"
            self._reader.forget()  # all that they have written is to be seen
            return "orphaned" if self._commands(run_id) else "idle"

    def cancel(self, run_id: str, now: bool) -> None:
        """Leave the driver a wish, which it looks for all the time; one that has not begun is never begun."""
        drivers = self._drivers(run_id)
        begun = self._json(run_id, DRIVER).get("call")
        for call in drivers:
            self.store.write({f"{run_id}/{wish_path()}": Wish(call, AT_ONCE if now else 1).content()})
            if call != begun:
                _call(call).cancel()
        if not drivers:
            self._end_orphans(run_id)

    def remove(self, run_id: str) -> None:
        """Take the run from the index, then remove its files."""
        if self.activity(run_id) != "idle":
            raise UsageError(f"{run_id} is being worked on", f"`ftk cancel {run_id}` stops it")
        if server := self._servers.of_run(run_id):
            raise UsageError(f"{run_id} is being served", f"`ftk serve --stop {server.id}` ends that")
        self.store.remove(f"{INDEX}/{run_id}")
        self.store.remove(run_id)
        self._reader.forget()

    def put(self, run_id: str, path: str, content: bytes) -> None:
        """Write a file of the run."""
        self.store.write({f"{run_id}/{path}": content})
        self._reader.forget()

    def discard(self, run_id: str, path: str) -> None:
        """Remove the folder."""
        self.store.remove(f"{run_id}/{path}")
        self.store.remove(f"{run_id}/{OWN}/{path}")
        self._reader.forget()

    def visit(self, run_id: str, arguments: Sequence[str]) -> int:
        """Call the Function that does jobs beside runs."""
        job, scratch = arguments
        visit, variables = self._prepared(run_id, "visit", self._config(run_id))
        with held_back(), told():
            call = visit.spawn(run_id, [job, scratch], variables)
        try:
            return Visit(self.store, f"{run_id}/{wish_path(f'{scratch}/')}", call).wait()
        finally:
            self._reader.forget()

    def find_problem(self, environment: Environment) -> str | None:
        """What an image cannot be made of."""
        return self.sites.find_problem(environment)

    def accelerator(self, settings: Mapping[str, Any]) -> Accelerator:
        """What `ftk.resources.gpu` asks for."""
        wanted = gpus.named(settings["resources"].get("gpu"))
        return Accelerator("cuda", gpus.count_of(wanted[0])) if wanted else Accelerator("cpu")

    def realise(self, environment: Environment, tell: Callable[..., None]) -> None:
        """Nothing: whoever submitted has deployed its app."""

    def execute(self, run_id: str, command: Command, environment: Environment, events: str) -> int:
        """Have the command executed by the app of its environment; called in the driver's container."""
        return execute(self.sites, run_id, command, environment, events)

    def start_server(
        self, endpoint: Endpoint, environment: Environment, host: str, port: int, key: str | None
    ) -> Server:
        """Deploy an app of its own for the server."""
        return self._servers.start(endpoint, environment, key)

    def servers(self) -> Sequence[Server]:
        """Those that were started and not stopped, from whatever machine."""
        return self._servers.all()

    def stop_server(self, server_id: str) -> None:
        """Stop its app."""
        self._servers.stop(server_id)
        self._reader.forget()

    def _prepared(
        self, run_id: str, function: str, config: Mapping[str, Any]
    ) -> "tuple[modal.Function[..., Any, Any], dict[str, str]]":
        """A Function of ftk's own app, with the secrets of the run, and the variables that it is told."""
        options = Options.of(config["ftk"])
        secrets = find_secrets(config["ftk"], config, logged=function == "drive")
        self.sites.modules |= set(self._json(run_id, SUBMITTED).get("modules", ()))
        sites = self.sites.deploy(options)
        found = sites[0].function(function)
        made = secrets.made()
        return found.with_options(secrets=made) if made else found, {**secrets.told(), **self.sites.told(sites)}

    def _config(self, run_id: str) -> dict[str, Any]:
        import yaml

        config: dict[str, Any] = yaml.safe_load(self.open(run_id, "resolved.yml").read())
        return config

    def _drivers(self, run_id: str) -> Sequence[str]:
        """The calls of drivers that have not ended."""
        known = {self._json(run_id, path).get("call") for path in (SUBMITTED, DRIVER)}
        return [call for call in sorted(filter(None, known)) if is_working(call)]

    def _commands(self, run_id: str) -> dict[str, str]:
        """The calls of commands that have not ended, by their records."""
        records = [f"{OWN}/{name}" for name in self.list(run_id, OWN) if name.endswith((".json", ".started"))]
        calls = {path: self._json(run_id, path).get("call") for path in records if path not in (SUBMITTED, DRIVER)}
        return {path: call for path, call in calls.items() if call and is_working(call)}

    def _end_orphans(self, run_id: str) -> None:
        """End commands whose driver is gone."""
        with told():
            for record, call in self._commands(run_id).items():
                _call(call).cancel(terminate_containers=True)
                self.store.remove(f"{run_id}/{record}")

    def _json(self, run_id: str, path: str) -> dict[str, Any]:
        try:
            found: dict[str, Any] = json.loads(self.store.read(f"{run_id}/{path}"))
        except FileNotFoundError:
            return {}
        return found


def _call(call_id: str) -> "modal.FunctionCall[int]":
    import modal

    return modal.FunctionCall.from_id(call_id)
