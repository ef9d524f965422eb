"""Start a server of runs, wherever they live."""

from collections.abc import Sequence
from dataclasses import dataclass

from ftk.config.resolve import Config
from ftk.environments.choosing import choose
from ftk.errors import UsageError
from ftk.hooks.manager import Manager
from ftk.runs.record import RunRecord
from ftk.runs.visiting import Show, visit
from ftk.server import Endpoint, Server
from ftk.serving.endpoint import changed


@dataclass(frozen=True)
class Order:
    """What to serve.

    :param records: the runs; of several, the adapters.
    :param base: serve the untuned base model of the first.
    :param sets: changes of its config, as `--set` has them, for this server alone.
    """

    records: Sequence[RunRecord]
    base: bool
    sets: Sequence[str]

    def config(self, manager: Manager) -> Config:
        """The config of the first run, with the changes.

        :param manager: gets the plugin files of that run.
        """
        for file in self.records[0].plugin_files():
            manager.add_file(file)
        return changed(self.records[0].config(), self.sets, manager)


def describe(order: Order, show: Show) -> Endpoint:
    """Have the first run's provider of `serve` describe a server.

    :param show: is given the events meanwhile, such as those of an environment that is built.
    """
    first, *others = order.records
    inputs = {"base": order.base, "others": [record.id for record in others], "sets": list(order.sets)}
    return Endpoint.from_json(visit(first, "endpoint", inputs, show=show))


def start(order: Order, config: Config, manager: Manager, key: str | None, show: Show) -> Server:
    """Start a server; return before it is ready.

    :param config: from `Order.config`.
    :param key: what requests must have, or None.
    :raises UsageError: where the server cannot ask for a key.
    """
    endpoint = describe(order, show)
    if key is not None and endpoint.key_variable is None:
        server = config.provider("serve")
        raise UsageError(f"{server} cannot ask for a key", "serve to this machine alone, without a key")
    backend = order.records[0].backend
    environment = choose(endpoint.command.environment, config, manager, backend)
    settings = config.ftk["serve"]
    return backend.start_server(endpoint, environment, settings["host"], settings["port"], key)
