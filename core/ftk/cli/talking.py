"""The course of `ftk chat`: who answers, and the lines that go to and fro."""

import signal
import sys
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from types import FrameType
from typing import Any, NoReturn, TextIO

import click

from ftk.cli.asking import text_input
from ftk.cli.follow import noted
from ftk.cli.options import add_kept_plugins, from_flags, open_backend
from ftk.cli.serving import STOPS, prepared, started
from ftk.config.overrides import parse_set
from ftk.errors import FtkError, UsageError
from ftk.runs.inference import find_tuned
from ftk.serving.client import Client
from ftk.serving.conversation import Conversation
from ftk.serving.keys import find_key, made_key
from ftk.serving.settings import LOOPBACK
from ftk.serving.starting import Order
from ftk.serving.watching import end_of, is_there

RESET, QUIT = "/reset", "/quit"


@dataclass(frozen=True)
class Wish:
    """How somebody wants to talk.

    :param raw: without the chat template.
    :param system: what the model is told beforehand, or None.
    :param options: how it answers, as `hookspecs.generate` has them.
    """

    raw: bool
    system: str | None
    options: Mapping[str, Any]


def talk_with_server(url: str, model: str | None, variable: str | None, wish: Wish) -> None:
    """Talk with a server that somebody has started.

    :param model: one of its models; else the first.
    :param variable: the environment variable with its key.
    """
    key = find_key(None, variable, needed=False)
    client = Client(url, model, key.value if key else None)
    _talk(Conversation(client, not wish.raw, wish.system, wish.options), lambda: None)


def talk_with_run(
    run: str | None,
    base: bool,
    server: str | None,
    sets: Sequence[str],
    trust: bool,
    runs_dir: Path | None,
    backend: str | None,
    wish: Wish,
) -> None:
    """Talk with the model of a run, which a server of its own answers for meanwhile.

    :param trust: run the code of its plugin files without a question.
    """
    place, manager = open_backend(runs_dir, backend)
    record = find_tuned(place, run)
    add_kept_plugins(record, manager, trust)
    own = [f"ftk.serve.host={LOOPBACK}", "ftk.serve.port=0"]
    chosen = from_flags({"--server": ("ftk.stages.serve", server)})
    order = Order([record], base, [*map(parse_set, [*sets, *own]), *chosen])
    key = made_key()
    launch = prepared(order, order.config(manager), manager, key)
    chats = launch.endpoint.chats and not wish.raw
    if wish.system and not chats:
        raise UsageError("--system goes through a chat template, which this model does not have", "leave it out")
    with noted(*STOPS) as signals:
        serving = started(launch, manager, signals)

        def refuse_death() -> None:
            if not is_there(place, serving):
                raise end_of(place, serving, manager.advice(serving.environment))

        try:
            with _ended_by(*STOPS):
                if signals:
                    raise click.Abort
                client = Client(serving.url, launch.endpoint.models[0], key.value)
                _talk(Conversation(client, chats, wish.system, wish.options), refuse_death)
        finally:
            place.stop_server(serving.id)


@contextmanager
def _ended_by(*signals: signal.Signals) -> Iterator[None]:
    """Have signals end the block alone: whoever stops the server behind it is not interrupted."""

    def end(number: int, frame: FrameType | None) -> NoReturn:
        raise click.Abort

    before = {number: signal.signal(number, end) for number in signals}
    try:
        yield
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)


def _talk(conversation: Conversation, refuse_death: Callable[[], None]) -> None:
    """Answer line by line, to the end of the input; at a terminal, Ctrl-C ends an answer or discards a line.

    :param refuse_death: stops when the server that is talked with has ended.
    """
    if not sys.stdin.isatty():
        lines = text_input()
        while _goes_on(conversation, lambda: _next(lines), refuse_death):
            pass
        return
    import readline  # noqa: F401  (gives `input` editing and a history)

    click.echo(f"{RESET} begins anew, {QUIT} or Ctrl-D ends, Ctrl-C interrupts an answer", err=True)
    talking = True
    with noted(signal.SIGINT):
        while talking:
            try:
                with _interruptible():
                    talking = _goes_on(conversation, _typed, refuse_death)
            except KeyboardInterrupt:
                click.echo("")
    click.echo("")


@contextmanager
def _interruptible() -> Iterator[None]:
    """Have Ctrl-C raise an exception in the block alone, and not in an instant between two."""
    before = signal.signal(signal.SIGINT, signal.default_int_handler)
    try:
        yield
    finally:
        signal.signal(signal.SIGINT, before)


def _goes_on(conversation: Conversation, next_line: Callable[[], str], refuse_death: Callable[[], None]) -> bool:
    """Do what the next line says, which is mostly to print an answer as it comes; whether there may be another."""
    try:
        line = next_line()
        if line == QUIT:
            return False
        if line == RESET:
            conversation.reset()
        elif line.strip():
            conversation.say(line, lambda piece: click.echo(piece, nl=False))
            click.echo("")
    except EOFError:
        return False
    except FtkError as error:
        refuse_death()
        click.echo(f"{click.style('error:', fg='red', bold=True)} {error}", err=True)
    return True


def _typed() -> str:
    """The line that somebody types.

    :raises UsageError: where the terminal has another encoding.
    """
    try:
        return input("> ")
    except UnicodeDecodeError:
        raise UsageError("the line is no text in UTF-8", "set the terminal to that encoding") from None


def _next(lines: TextIO) -> str:
    line = lines.readline()
    if not line:
        raise EOFError
    return line.rstrip("\n")
