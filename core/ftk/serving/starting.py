"""What is to be served, from the call to a description that a backend can start."""

from collections.abc import Sequence
from dataclasses import dataclass, field

from ftk.command import Environment
from ftk.config.overrides import Override
from ftk.config.resolved import Config
from ftk.environments.choosing import choose
from ftk.errors import UsageError
from ftk.hooks.manager import Manager
from ftk.runs.opening import changed_record
from ftk.runs.record import RunRecord
from ftk.runs.visiting import Show, visit
from ftk.server import Endpoint, Server


@dataclass(frozen=True)
class Order:
    """A server that somebody wants.

    :param records: the runs; of several, the adapters are served.
    :param base: serve the untuned base model of the first.
    :param changes: of its config, for this server alone.
    """

    records: Sequence[RunRecord]
    base: bool
    changes: Sequence[Override]

    def config(self, manager: Manager) -> Config:
        """The config of the first run, with the changes.

        :param manager: has the plugin files of that run too.
        """
        return changed_record(self.records[0], self.changes, manager)


@dataclass(frozen=True)
class Launch:
    """A server that can be started.

    :param environment: of its command.
    :param host: where to listen.
    :param port: where to listen.
    :param key: what requests must have, or None.
    """

    record: RunRecord
    endpoint: Endpoint
    environment: Environment
    host: str
    port: int
    key: str | None = field(repr=False)

    def start(self) -> Server:
        """Start it; return before it is ready."""
        return self.record.backend.start_server(self.endpoint, self.environment, self.host, self.port, self.key)


def prepare(order: Order, config: Config, manager: Manager, key: str | None, show: Show) -> Launch:
    """Have the first run's provider of `serve` describe a server, and make its environment ready.

    :param config: from `Order.config`.
    :param key: what requests must have, or None.
    :param show: is given the events meanwhile, such as those of an environment that is built.
    :raises UsageError: where the server cannot ask for a key.
    """
    first, *others = order.records
    sets = [item.text for item in order.changes]
    inputs = {"base": order.base, "others": [record.id for record in others], "sets": sets}
    endpoint = Endpoint.from_json(visit(first, "endpoint", inputs, show=show))
    if key is not None:
        if endpoint.key_variable is None:
            server = config.provider("serve")
            raise UsageError(f"{server} cannot ask for a key", "serve to this machine alone, without a key")
        endpoint = endpoint.guarded()
    environment = choose(endpoint.command.environment, config, manager, first.backend)
    settings = config.ftk["serve"]
    return Launch(first, endpoint, environment, settings["host"], settings["port"], key)
