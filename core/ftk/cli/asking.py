"""What `ftk infer` and `ftk chat` have in common: whom they ask, and how the answer is drawn."""

import sys
from collections.abc import Callable, Mapping
from math import isnan
from typing import Any, TextIO, TypeVar

import click

from ftk.cli.options import COUNT, TEXT, refuse_beside

F = TypeVar("F", bound=Callable[..., Any])

DRAWING = ("top_p", "top_k", "seed")
"""The options that mean nothing where the most probable token is taken."""

LARGEST_SEED = 2**63 - 1
"""Engines and servers take 64 bits."""


class _FloatRange(click.FloatRange):
    """A range of numbers, of which `nan` is none: no comparison with a limit fails for it."""

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> Any:
        """The number.

        :raises click.UsageError: when it is none in the range.
        """
        number = super().convert(value, param, ctx)
        if isnan(number):
            self.fail(f"{value} is no number", param, ctx)
        return number


def asking_options(function: F) -> F:
    """Which server is asked in place of a run, and how the answer is drawn."""
    for option in reversed(
        [
            click.option("--base", is_flag=True, help="Ask the base model, untuned."),
            click.option(
                "--url",
                type=TEXT,
                metavar="URL",
                help="Ask a server, such as http://127.0.0.1:8000/v1, in place of a run.",
            ),
            click.option("--model", type=TEXT, metavar="NAME", help="With --url: which of its models; else the first."),
            click.option(
                "--api-key-env",
                "variable",
                type=TEXT,
                metavar="VARIABLE",
                help="With --url: where its key is [FTK_API_KEY].",
            ),
            click.option(
                "--max-new-tokens",
                type=COUNT,
                default=256,
                show_default=True,
                help="Length of an answer.",
            ),
            click.option("--temperature", type=_FloatRange(0, 2), default=0.0, show_default=True, help="0 is greedy."),
            click.option(
                "--top-p", type=_FloatRange(0, 1, min_open=True), help="Draw from the tokens with this share."
            ),
            click.option("--top-k", type=COUNT, help="Draw from so many tokens."),
            click.option("--seed", type=click.IntRange(0, LARGEST_SEED), help="Draw the same answers each time."),
            click.option(
                "--stop",
                type=TEXT,
                multiple=True,
                metavar="TEXT",
                help="End an answer before this text; may be repeated.",
            ),
        ]
    ):
        function = option(function)
    return function


def text_input() -> TextIO:
    """The standard input, in which what is no UTF-8 is kept as no character, and so found by whoever asks it."""
    return open(sys.stdin.fileno(), encoding="utf-8", errors="surrogateescape", closefd=False)


def refuse_mixture(url: str | None, model: str | None, variable: str | None) -> None:
    """Stop where a server's options meet those of a run.

    :raises click.UsageError: naming them.
    """
    if url:
        refuse_beside("--url", "run", "run_name", "base", "server", "sets", "trust", "runs_dir", "backend")
    elif model or variable:
        raise click.UsageError("--model and --api-key-env go with --url")


def sampling(values: Mapping[str, Any]) -> dict[str, Any]:
    """How a model is to answer, as `hookspecs.generate` has it.

    :param values: of the options that say so.
    :raises click.UsageError: where some mean nothing.
    """
    if not values["temperature"] and any(values[name] is not None for name in DRAWING):
        raise click.UsageError("--top-p, --top-k and --seed draw answers: they need a --temperature above 0")
    return {name: value for name, value in values.items() if value not in (None, ())}
