"""The command line. Each command lives in a module of its own, imported only when it is called or asked for help."""

import sys
from importlib import import_module
from typing import TYPE_CHECKING, Any, NoReturn

import click

from ftk import __version__
from ftk.cli.unread import ended_quietly

if TYPE_CHECKING:
    from ftk.errors import FtkError

COMMANDS = {
    "run": "Fine-tune: stage data, prepare model, train, merge, and say what came out.",
    "inspect": "Show the rows as they are trained, token by token.",
    "runs": "List the runs.",
    "show": "Show what a run did and what came out.",
    "logs": "Print the output of a run.",
    "attach": "Watch a run live; Ctrl-C lets go of it.",
    "cancel": "Stop a run after a checkpoint.",
    "sync": "Send to loggers what they lack of a run.",
    "infer": "Ask a tuned model.",
    "chat": "Talk with a tuned model.",
    "serve": "Answer requests with the model of a run.",
    "deploy": "Serve the model of a run from where servers outlive this machine.",
    "eval": "Measure a tuned model against its base.",
    "merge": "Fold the adapter of a run into its base model.",
    "pull": "Bring files of a run to this machine, from wherever it lives.",
    "rm": "Remove runs.",
    "validate": "Check a config, its data and its environments.",
    "env": "List, build or remove the environments of engines.",
    "plugins": "List the installed plugins, make a new one, or check one.",
    "doctor": "Look for what keeps runs from working on this machine.",
    "schema": "Print a JSON schema of the config, for editors.",
    "completion": "Have the shell complete commands, options and runs.",
}
"""Every command with its line of help, so that `ftk --help` needs none of their modules."""


class LazyCommands(click.Group):
    """A group that imports the module of a command when the command is called."""

    def make_context(self, *arguments: Any, **more: Any) -> click.Context:
        """The context of a call, where nobody must read all of `ftk --help`."""
        with ended_quietly():
            return super().make_context(*arguments, **more)

    def invoke(self, ctx: click.Context) -> Any:
        """What the called command returns, where nobody must read all of its output."""
        with ended_quietly():
            return super().invoke(ctx)

    def list_commands(self, ctx: click.Context) -> list[str]:
        """The names, in the order in which a person meets them."""
        return list(COMMANDS)

    def get_command(self, ctx: click.Context, name: str) -> click.Command | None:
        """The command of this name."""
        if name not in COMMANDS:
            return None
        command: click.Command = import_module(f"ftk.cli.{name}").command
        return command

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        """Write the list of commands from the table."""
        with formatter.section("Commands"):
            formatter.write_dl(list(COMMANDS.items()))

    def resolve_command(
        self, ctx: click.Context, args: list[str]
    ) -> tuple[str | None, click.Command | None, list[str]]:
        """The called command; an unknown one is answered with the nearest known one."""
        if args[0] not in COMMANDS and not args[0].startswith("-"):
            from difflib import get_close_matches

            near = get_close_matches(args[0], COMMANDS, n=1)
            hint = f" Did you mean {near[0]!r}?" if near else ""
            ctx.fail(f"No such command {args[0]!r}.{hint}")
        return super().resolve_command(ctx, args)


@click.group(cls=LazyCommands, context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 100})
@click.version_option(__version__, prog_name="ftk")
def cli() -> None:
    """ftk fine-tunes language models: one YAML and a data file in, a tuned, checked model out.

    Start with `ftk run configs/quickstart.yml`.
    """


def main() -> None:
    """Run the command line; an expected error is one line and an exit code, any other keeps its traceback."""
    from ftk import refusals
    from ftk.errors import FtkError

    try:
        sys.exit(cli.main(prog_name="ftk", standalone_mode=False))
    except click.ClickException as error:
        error.show()
        sys.exit(error.exit_code)
    except click.Abort:
        sys.exit(130)
    except FtkError as error:
        _fail(error)
    except OSError as error:
        if refused := refusals.expected(error):
            _fail(refused)
        raise


def _fail(error: "FtkError") -> NoReturn:
    click.echo(f"{click.style('error:', fg='red', bold=True)} {error}", err=True)
    sys.exit(error.exit_code)
