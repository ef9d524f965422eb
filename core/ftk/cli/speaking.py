"""Print an answer as it comes."""

import click

from ftk.cli.view import PlainView
from ftk.runs.events import Event


class Speaker:
    """Prints the pieces of one answer on the output, and what else happens on the error stream."""

    def __init__(self) -> None:
        self._said = ""
        self._view = PlainView()

    def show(self, event: Event) -> None:
        """Print what an event tells: a piece of the answer, or news such as an environment that is built first."""
        if event.kind == "text":
            self.say(event["text"])
        elif event.kind != "generation":
            self._view.show(event)

    def say(self, piece: str) -> None:
        """Print the next piece."""
        self._said += piece
        click.echo(piece, nl=False)

    def end(self, text: str) -> None:
        """Print what has not been said yet.

        :param text: the whole answer.
        """
        click.echo(text.removeprefix(self._said))
