"""`ftk deploy`: serve a model from a backend whose servers outlive this machine."""

import json
from pathlib import Path

import click

from ftk.cli.options import add_kept_plugins, complete_run, json_option, open_backend, place_options, trust_option


@click.command("deploy", epilog="Example: ftk deploy my-sql")
@click.argument("runs", nargs=-1, metavar="[RUN...]", shell_complete=complete_run)
@click.option("--base", is_flag=True, help="Serve the base model, untuned.")
@click.option("--server", metavar="NAME", help="The plugin that serves [ftk.stages.serve].")
@click.option("--api-key-env", "variable", metavar="VARIABLE", help="Where the key of requests is [FTK_API_KEY].")
@click.option("--set", "sets", multiple=True, metavar="KEY=VALUE", help="Change the config for this server.")
@click.option("--list", "lists", is_flag=True, help="List what is deployed.")
@click.option("--stop", "stops", is_flag=True, help="Stop servers, named by id or run.")
@click.option("--all", "everything", is_flag=True, help="With --stop: all of them.")
@trust_option
@place_options
@json_option
def command(
    runs: tuple[str, ...],
    base: bool,
    server: str | None,
    variable: str | None,
    sets: tuple[str, ...],
    lists: bool,
    stops: bool,
    everything: bool,
    trust: bool,
    runs_dir: Path | None,
    backend: str | None,
    as_json: bool,
) -> None:
    """Serve the model of a run from where servers outlive this machine.

    It is RUN's, else the newest one's, for every client of the OpenAI API. That is `ftk serve --detach` on a backend
    whose servers stay when this machine is gone; every request needs the key.
    """
    from ftk.cli import servers, serving
    from ftk.errors import UsageError
    from ftk.runs.inference import find_tuned
    from ftk.runs.record import find_run
    from ftk.serving.starting import Order

    place, manager = open_backend(runs_dir, backend)
    if not place.servers_are_public:
        message = f"servers of the backend {place.name} end with this machine"
        raise UsageError(message, "`ftk serve --detach` starts one; or name another backend: --backend")
    if lists:
        return servers.print_all(place, as_json)
    if stops:
        return servers.stop(place, runs, everything)
    records = [find_run(place, run) for run in dict.fromkeys(runs)] or [find_tuned(place, None)]
    add_kept_plugins(records[0], manager, trust)
    chosen = [f"ftk.stages.serve={json.dumps(server)}"] if server else []
    call = serving.Call(Order(records, base, [*sets, *chosen]), manager, None, variable, as_json)
    serving.serve(call, detach=True)
