"""Servers: each one is an app of its own, whose containers come and go with the requests."""

import json
import secrets
import time
from collections.abc import Iterator
from contextlib import suppress
from typing import Any

from ftk.plugin import HOST, PORT, SERVERS, Artifact, Endpoint, Environment, Server
from ftk_modal import inside
from ftk_modal.apps import Site
from ftk_modal.executing import text_of
from ftk_modal.options import HOURS_24, Options
from ftk_modal.sites import Sites
from ftk_modal.troubles import told
from ftk_modal.volume import Store

FOLDER = ".servers"
"""Of the volume of the runs: a file for each server that was started and not stopped."""

USUAL_CONCURRENCY = 100
"""Requests that a container takes at the same time, unless `ftk.serve.max_concurrency` says otherwise."""


class Servers:
    """The servers of the runs on a volume.

    :param sites: the apps whose images they have too.
    :param store: the volume.
    """

    def __init__(self, sites: Sites, store: Store) -> None:
        self.sites = sites
        self.store = store

    def start(self, endpoint: Endpoint, environment: Environment, key: str | None) -> Server:
        """Deploy a server."""
        mark = secrets.token_hex(4)
        run = endpoint.runs[0]
        log = f"{SERVERS}/{mark}.txt"
        site = self.sites.at_home(environment, Options.of(endpoint.settings))
        app = self._app(f"ftk-serve-{mark}", site, endpoint, log, key)
        with told():
            app.deploy()
            url = str(_url_of(app.name)).rstrip("/")
        server = Server(f"{run}-{mark}", url, endpoint, key is not None, log, time.time())
        self.store.write({f"{FOLDER}/{server.id}.json": json.dumps(server.to_json()).encode()})
        return server

    def _app(self, name: str, site: Site, endpoint: Endpoint, log: str, key: str | None) -> Any:
        import modal

        order = json.dumps(_order(site, endpoint, log))
        block = site.options.block["serve"]
        web: Any = modal.web_server(inside.SERVER_PORT, startup_timeout=block["startup_timeout"])
        concurrent = modal.concurrent(max_inputs=endpoint.settings["serve"]["max_concurrency"] or USUAL_CONCURRENCY)
        app: Any = modal.App(name, image=site.recipe.image(), include_source=False)
        secret = [] if key is None else [modal.Secret.from_dict({str(endpoint.key_variable): key})]
        machine = {**(site.on_gpu() or site.on_cpu()), "timeout": HOURS_24}
        scale = {item: block[item] for item in ("scaledown_window", "min_containers", "max_containers")}
        made = app.function(
            name="serve", env={inside.SERVER: order}, secrets=secret, volumes=site.volumes(), **scale, **machine
        )
        made(concurrent(web(inside.serve)))
        return app

    def all(self) -> list[Server]:
        """Those that are deployed, and whose processes have not ended by themselves; oldest first."""
        return sorted(self._known(), key=lambda server: server.since)

    def _known(self) -> Iterator[Server]:
        import modal
        import modal.exception

        names = {entry.name for entry in self.store.entries(FOLDER)}
        for name in sorted(item for item in names if item.endswith(".json")):
            server = Server.from_json(json.loads(self.store.read(f"{FOLDER}/{name}")))
            if f"{_mark(server.id)}.ended" in names:
                continue
            with told():
                try:
                    modal.App.lookup(_app_name(server.id))
                except modal.exception.NotFoundError:  # stopped from elsewhere
                    continue
            yield server

    def of_run(self, run_id: str) -> Server | None:
        """A server that reads a run."""
        return next((server for server in self.all() if run_id in server.endpoint.runs), None)

    def stop(self, server_id: str) -> None:
        """Stop the app with its containers, and forget it."""
        import modal
        import modal.exception

        with told(), suppress(modal.exception.NotFoundError):
            modal.App.lookup(_app_name(server_id)).stop()
        self.store.remove(f"{FOLDER}/{server_id}.json")
        self.store.remove(f"{FOLDER}/{_mark(server_id)}.ended")


def _order(site: Site, endpoint: Endpoint, log: str) -> dict[str, Any]:
    """What the Function that serves is told; never the key."""
    run = endpoint.runs[0]
    address = {HOST: "0.0.0.0", PORT: str(inside.SERVER_PORT)}

    def text(part: str | Artifact) -> str:
        return text_of(address.get(part, part) if isinstance(part, str) else part, run, site.recipe.python)

    return {
        "run": run,
        "log": log,
        "argv": [text(part) for part in endpoint.command.argv],
        "variables": {name: text(value) for name, value in endpoint.command.variables.items()},
        "path": site.path,
    }


def _url_of(app: str) -> str | None:
    import modal

    url: str | None = modal.Function.from_name(app, "serve").get_web_url()
    return url


def _mark(server_id: str) -> str:
    return server_id.rpartition("-")[2]


def _app_name(server_id: str) -> str:
    return f"ftk-serve-{_mark(server_id)}"
