"""`ftk logs`: the output of a run's driver and commands."""

import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING

import click

from ftk.cli.options import named_run, place_options, run_argument

if TYPE_CHECKING:
    from ftk.runs.record import RunRecord

POLL = 0.5
"""Seconds between two looks for new output."""

CHUNK = 1 << 16
"""Bytes that are read at a time."""


@click.command("logs", epilog="Example: ftk logs -f -n 20")
@run_argument()
@click.option("--follow", "-f", is_flag=True, help="Go on printing until nobody works on the run any more.")
@click.option("--lines", "-n", type=click.IntRange(0), metavar="LINES", help="Begin with the last LINES lines.")
@place_options
def command(run: str | None, follow: bool, lines: int | None, runs_dir: Path | None, backend: str | None) -> None:
    """Print the output of a run.

    That is everything that its driver and engines have printed. RUN is its name or the beginning of its id; `latest`,
    or none, is the newest run.
    """
    record = named_run(run, runs_dir, backend)
    start = 0 if lines is None else _start_of_last(record, lines)
    printed = False
    for chunk in _output(record, start, follow):
        sys.stdout.buffer.write(chunk)
        sys.stdout.buffer.flush()
        printed = True
    if not printed and start == 0:
        click.echo(f"{record.id} has printed nothing yet", err=True)


def _output(record: "RunRecord", offset: int, follow: bool) -> Iterator[bytes]:
    """The output from this byte on; while it is followed, also what comes as long as somebody works on the run."""
    while True:
        # Asked before the output is read: whoever is gone by then has printed all of it.
        ended = not follow or record.backend.activity(record.id) == "idle"
        for chunk in _from(record, offset):
            offset += len(chunk)
            yield chunk
        if ended:
            return
        time.sleep(POLL)


def _from(record: "RunRecord", offset: int) -> Iterator[bytes]:
    from ftk.runs.run import LOG_FILE

    try:
        with record.backend.open(record.id, LOG_FILE) as stream:
            stream.seek(offset)
            while chunk := stream.read(CHUNK):
                yield chunk
    except FileNotFoundError:
        return


def _start_of_last(record: "RunRecord", count: int) -> int:
    """Where the last `count` lines begin."""
    ends, offset = [0], 0
    for chunk in _from(record, 0):
        ends += [offset + place + 1 for place, byte in enumerate(chunk) if byte == ord("\n")]
        offset += len(chunk)
        ends = ends[-count - 2 :]
    if ends[-1] != offset:
        ends.append(offset)  # a line that is not ended yet
    return ends[max(len(ends) - 1 - count, 0)]
