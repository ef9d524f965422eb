"""What becomes of a command whose output nobody reads any more, such as that of `ftk show | head -1`."""

import os
import select
from collections.abc import Iterator
from contextlib import contextmanager

import click

from ftk.errors import FtkError

OUTPUT, NEWS = 1, 2
"""The descriptors of what a command gives, and of what it tells of its work meanwhile."""

GIVEN_UP = 141
"""What a shell says of a program that SIGPIPE has ended."""


@contextmanager
def ended_quietly() -> Iterator[None]:
    """End a command whose reader has had enough, without a word.

    :raises click.exceptions.Exit: where it was the reader of the output, or of the news.
    :raises FtkError: where somebody else was written to.
    """
    try:
        yield
    except BrokenPipeError as error:
        unread = [descriptor for descriptor in (OUTPUT, NEWS) if _is_unread(descriptor)]
        if not unread:
            raise FtkError(f"a process that ftk talks with has ended: {error}", "try again") from error
        for descriptor in unread:
            _discard(descriptor)  # Python writes what is left of it when it ends, and would complain
        # An output is written when the work is done, so that a reader of some of it has what was wanted. News come
        # before that: the work is given up, or goes on unwatched as a run does, and nobody may take it for done.
        raise click.exceptions.Exit(GIVEN_UP if NEWS in unread else 0) from None


def _is_unread(descriptor: int) -> bool:
    """Whether it is a pipe without a reader."""
    poll = select.poll()
    poll.register(descriptor, 0)
    return any(event & (select.POLLERR | select.POLLHUP) for _, event in poll.poll(0))


def _discard(descriptor: int) -> None:
    nowhere = os.open(os.devnull, os.O_WRONLY)
    os.dup2(nowhere, descriptor)
    os.close(nowhere)
