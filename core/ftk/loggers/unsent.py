"""What the loggers of a run have sent and what not, for a person."""

from collections.abc import Iterator
from typing import Any

from ftk.loggers.delivery import KINDS
from ftk.loggers.progress import FOLDER, Progress
from ftk.loggers.queue import RunFiles, queued
from ftk.runs.record import RunRecord


def count_unsent(runs: RunFiles, run_id: str, progress: Progress) -> int:
    """How many events of a run a logger was not given yet."""
    return sum(item.event.kind in KINDS for item in queued(runs, run_id, progress.offsets))


def logger_progress(record: RunRecord) -> dict[str, Progress]:
    """The progress of each logger that the run's config chose, or that was attached to it later."""
    kept = [name for name in record.backend.list(record.id, FOLDER) if name.endswith(".json")]
    names = [*(record.config().ftk.get("loggers") or ()), *(name.removesuffix(".json") for name in kept)]
    return {name: Progress.parse(record.read_json(f"{FOLDER}/{name}.json")) for name in dict.fromkeys(names)}


def logger_states(record: RunRecord) -> dict[str, dict[str, Any]]:
    """For each logger its `link`, how many events are `unsent`, and the last `error`."""
    return {
        name: {"link": item.link, "unsent": count_unsent(record.backend, record.id, item), "error": item.error}
        for name, item in logger_progress(record).items()
    }


def unsent_lines(record: RunRecord) -> Iterator[str]:
    """A line for each logger that lacks something of a run on which nobody works."""
    if record.state() == "running":
        return
    for name, state in logger_states(record).items():
        if state["unsent"]:
            yield f"logger {name}: {unsent_text(state['unsent'], state['error'])}; {sync_hint(record.id, name)}"


def unsent_text(count: int, why: str | None) -> str:
    """How many events are not sent."""
    return f"{count} of its events are not sent" + (f": {why}" if why else "")


def sync_hint(run_id: str, name: str) -> str:
    """What to type then."""
    return f"`ftk sync {run_id} --logger {name}` sends them"
