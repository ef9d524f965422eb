"""Show events to a person: a progress bar on a terminal, plain lines in a pipe."""

import sys
import time
from collections.abc import Callable, Mapping
from types import TracebackType
from typing import TYPE_CHECKING, Any, Protocol, Self

import click

from ftk.runs.events import Event

Traceback = TracebackType | None

if TYPE_CHECKING:
    from rich.progress import TaskID

GRADUAL = ("metrics", "generation", "scoring", "installing", "merging", "server_starting")
"""Events that tell how far something is, over and over."""

QUIET = 5.0
"""Seconds between two lines about training steps in a pipe."""


class View(Protocol):
    """Shows the events of a run as they come; used as a context."""

    def __enter__(self) -> Self: ...

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: Traceback) -> None: ...

    def show(self, event: Event) -> None:
        """Show one event."""
        ...


def make_view() -> View:
    """The view that fits where the output goes."""
    return LiveView() if sys.stderr.isatty() else PlainView()


class PlainView:
    """One line an event, on the error stream, so that results alone are on the output."""

    def __init__(self) -> None:
        self._quiet_until = 0.0

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: Traceback) -> None:
        pass

    def show(self, event: Event) -> None:
        """Print the event's line, if it has one; of training steps only one every few seconds and the last."""
        if event.kind in GRADUAL and not _is_last(event):
            if time.monotonic() < self._quiet_until:
                return
            self._quiet_until = time.monotonic() + QUIET
        line = line_of(event)
        if line:
            click.echo(line, err=True)


class LiveView:
    """Lines for what is done, and a bar for what is being done."""

    def __init__(self) -> None:
        from rich.console import Console
        from rich.progress import BarColumn, MofNCompleteColumn, Progress, SpinnerColumn, TextColumn

        columns = (SpinnerColumn(), TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn())
        self._progress: Progress = Progress(*columns, console=Console(stderr=True), transient=True)
        self._bar: TaskID = self._progress.add_task("starting", total=None)

    def __enter__(self) -> Self:
        self._progress.start()
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: Traceback) -> None:
        self._progress.stop()

    def show(self, event: Event) -> None:
        """Move the bar, or print the event's line above it."""
        if event.kind == "metrics" and "loss" in event.fields:
            self._move(f"train  {_step_text(event.fields)}", event["step"], event["steps"])
        elif event.kind == "installing":
            self._move(f"{event['name']}  {event['message']}", event["step"] - 1, event["of"])
        elif event.kind in ("generation", "scoring"):
            self._move("answered" if event.kind == "generation" else "losses", event["done"], event["of"])
        elif event.kind == "merging":
            self._move("merge  MB", event["done"] // 10**6, event["of"] // 10**6)
        elif event.kind == "server_starting":
            self._progress.update(self._bar, description=f"the server starts  {duration(event['seconds'])}")
        else:
            if event.kind == "stage_started":
                self._begin(event["stage"])
            line = line_of(event)
            if line:
                self._progress.console.print(line, markup=False, highlight=False)

    def _begin(self, stage: str) -> None:
        """A new bar, of a length that is not known yet; a bar cannot forget its length."""
        self._progress.remove_task(self._bar)
        self._bar = self._progress.add_task(stage, total=None)

    def _move(self, text: str, done: int, total: int) -> None:
        self._progress.update(self._bar, description=text, completed=done, total=total)


def _is_last(event: Event) -> bool:
    fields = event.fields
    return bool(fields.get("step") == fields.get("steps", 0) or fields.get("done") == fields.get("of", 0))


def line_of(event: Event) -> str | None:
    """The line that tells an event; None for one that is not told."""
    teller = _LINES.get(event.kind)
    return teller(event.fields) if teller else None


def _step_text(fields: Mapping[str, Any]) -> str:
    parts = [f"{name} {fields[name]:.4f}" for name in ("loss", "eval_loss") if name in fields]
    if "tokens_per_second" in fields:
        parts.append(f"{fields['tokens_per_second']:.0f} tokens/s")
    if fields.get("seconds_left"):
        parts.append(f"{duration(fields['seconds_left'])} left")
    return "  ".join(parts)


def duration(seconds: float) -> str:
    """A time span for a person: `8.1 s`, `2:05` or `1:02:05`."""
    if seconds < 60:
        return f"{seconds:.1f} s"
    minutes, rest = divmod(round(seconds), 60)
    return f"{minutes // 60}:{minutes % 60:02}:{rest:02}" if minutes >= 60 else f"{minutes}:{rest:02}"


def _training(fields: Mapping[str, Any]) -> str:
    share = f"{fields['trainable_parameters']:,} of {fields['total_parameters']:,} parameters"
    start = f", going on from step {fields['start_step']}" if fields["start_step"] else ""
    return f"  {fields['rows']} rows, {fields['steps']} steps{start}; {share}; {fields['dtype']} on {fields['device']}"


def _result(stage: str, result: Mapping[str, Any]) -> str:
    match stage:
        case "stage_data":
            return (
                f"{result['train_rows']} rows to train on, {result['eval_rows']} held out, {result['tokens']:,} tokens"
            )
        case "prepare_model":
            return f"{result['size'] / 1e6:.0f} MB in the cache"
        case "train" if result["train_loss"] is not None:
            return f"{result['steps']} steps, loss {result['train_loss']:.4f}"
        case _:
            return ""


def _finished(fields: Mapping[str, Any]) -> str:
    detail = _result(fields["stage"], fields.get("result") or {})
    return f"  done in {duration(fields['seconds'])}" + (f": {detail}" if detail else "")


_LINES: Mapping[str, Callable[[Mapping[str, Any]], str]] = {
    "run_started": lambda fields: f"run {fields['id']}: {', '.join(fields['stages'])}",
    "stage_started": lambda fields: f"{fields['stage']} by {fields['provider']}",
    "stage_skipped": lambda fields: f"{fields['stage']} was done before",
    "stage_finished": _finished,
    "training": _training,
    "metrics": lambda fields: f"  step {fields['step']}/{fields['steps']}  {_step_text(fields)}",
    "environment": lambda fields: f"  environment {fields['name']}: {fields['message']}",
    "installing": lambda fields: f"  environment {fields['name']}: {fields['message']}",
    "asking": lambda fields: f"  asking the {fields['model']} model",
    "merging": lambda fields: f"  merged {fields['done'] / 1e6:.0f} of {fields['of'] / 1e6:.0f} MB",
    "server_starting": lambda fields: f"the server starts: {duration(fields['seconds'])}",
    "parity": lambda fields: f"  parity: {fields['text']}",
    "generation": lambda fields: f"  answered {fields['done']} of {fields['of']}",
    "scoring_model": lambda fields: f"  losses of the {fields['model']} model",
    "scoring": lambda fields: f"  losses of {fields['done']} of {fields['of']} rows",
    "logger_link": lambda fields: f"  {fields['logger']}: {fields['link'] or 'is logging'}",
    "logger_unsent": lambda fields: f"  note: {fields['message']}",
    "notice": lambda fields: f"  note: {fields['message']}",
}
