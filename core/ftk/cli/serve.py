"""`ftk serve`: answer requests with the model of a run."""

import json
from pathlib import Path

import click

from ftk.cli.options import add_kept_plugins, complete_run, json_option, open_backend, place_options, trust_option


@click.command("serve", epilog="Example: ftk serve my-sql --port 8080")
@click.argument("runs", nargs=-1, metavar="[RUN...]", shell_complete=complete_run)
@click.option("--base", is_flag=True, help="Serve the base model, untuned.")
@click.option("--server", metavar="NAME", help="The plugin that serves [ftk.stages.serve].")
@click.option("--host", help="Where to listen [ftk.serve.host, else this machine alone].")
@click.option("--port", type=click.IntRange(0, 65535), help="The same [ftk.serve.port, else 8000]; 0 for a free one.")
@click.option("--api-key-env", "variable", metavar="VARIABLE", help="Where the key of requests is [FTK_API_KEY].")
@click.option("--api-key", "key", metavar="KEY", help="The key itself, which others on this machine may then see.")
@click.option("--set", "sets", multiple=True, metavar="KEY=VALUE", help="Change the config for this server.")
@click.option("--detach", is_flag=True, help="Return when it is ready, and leave it.")
@click.option("--list", "lists", is_flag=True, help="List the servers.")
@click.option("--stop", "stops", is_flag=True, help="Stop servers, named by id, port or run.")
@click.option("--all", "everything", is_flag=True, help="With --stop: all of them.")
@trust_option
@place_options
@json_option
def command(
    runs: tuple[str, ...],
    base: bool,
    server: str | None,
    host: str | None,
    port: int | None,
    variable: str | None,
    key: str | None,
    sets: tuple[str, ...],
    detach: bool,
    lists: bool,
    stops: bool,
    everything: bool,
    trust: bool,
    runs_dir: Path | None,
    backend: str | None,
    as_json: bool,
) -> None:
    """Answer requests with the model of a run.

    Every client of the OpenAI API can ask the model of RUN, by default that of the newest run. Of several runs on the
    same base model each adapter is served, by its run's name. Ctrl-C stops the server.
    """
    if everything and not stops:
        raise click.UsageError("--all goes with --stop")
    from ftk.cli import servers, serving
    from ftk.runs.inference import find_tuned
    from ftk.runs.record import find_run
    from ftk.serving.starting import Order

    place, manager = open_backend(runs_dir, backend)
    if lists:
        return servers.print_all(place, as_json)
    if stops:
        return servers.stop(place, runs, everything)
    if base and len(runs) > 1:
        raise click.UsageError("--base serves one base model; name one run")
    records = [find_run(place, run) for run in dict.fromkeys(runs)] or [find_tuned(place, None)]
    add_kept_plugins(records[0], manager, trust)
    given = {"ftk.serve.host": host, "ftk.serve.port": port, "ftk.stages.serve": server}
    flags = [f"{name}={json.dumps(value)}" for name, value in given.items() if value is not None]
    call = serving.Call(Order(records, base, [*sets, *flags]), manager, key, variable, as_json)
    serving.serve(call, detach)
