"""What every engine keeps to, seen by runs of a tiny model with it."""

import json
import math
from collections.abc import Callable, Collection, Iterator, Sequence
from pathlib import Path
from typing import Any

from ftk.testing.calls import PATIENCE, Ftk
from ftk.testing.checks import Check, Finding, findings
from ftk.testing.tiny_model import write_tiny_model

CONFIG = """\
base_model: model
datasets:
  - path: data.jsonl
    type: {{field_instruction: question, field_output: answer}}
val_set_size: 2
max_steps: 12
{more}ftk:
  engine: {engine}
  stages: {stages}
  evaluate: {{rows: 2, max_new_tokens: 4}}
"""

NEEDED = {"learning_rate": 2e-4}
"""Keys that an engine which reads them may have no default for."""

ROWS = [{"question": f"what is {number} and {number}?", "answer": str(2 * number)} for number in range(12)]

REPORTED = ("steps", "start_step", "rows", "device", "dtype", "trainable_parameters", "total_parameters")
"""What the event `training` tells."""


def engine_findings(name: str, stages: Sequence[str], keys: Collection[str], ftk: Ftk) -> Iterator[Finding]:
    """Look at the engine through runs of its own.

    :param name: the engine.
    :param stages: the hooks of stages that its plugin provides; the others are done by whoever does them by default.
    :param keys: the config keys that its training reads.
    :param ftk: calls ftk in an empty folder.
    """
    write_small_config(ftk.folder, name, stages, keys)
    yield from findings([a_small_run_ends_well], ftk)
    if ftk.has_run() and ftk.events("run_finished"):
        yield from findings(AFTER_A_RUN, ftk)
        yield from findings([a_stopped_training_goes_on, a_killed_training_goes_on], ftk)


def write_small_config(folder: Path, engine: str, stages: Sequence[str], keys: Collection[str] = ()) -> None:
    """Write a config, with its data and its tiny model beside it.

    :param stages: those that the engine's plugin provides.
    :param keys: the config keys that its training reads.
    """
    write_tiny_model(folder / "model")
    (folder / "data.jsonl").write_text("".join(json.dumps(row) + "\n" for row in ROWS))
    own = {stage: engine for stage in ("merge", "generate") if stage in stages}
    more = "".join(f"{key}: {value}\n" for key, value in NEEDED.items() if key in keys)
    (folder / "config.yml").write_text(CONFIG.format(engine=engine, stages=json.dumps(own), more=more))


def a_small_run_ends_well(ftk: Ftk) -> str | None:
    """A small run ends well."""
    done = ftk("run", "config.yml")
    return None if done.returncode == 0 else done.stderr.strip()[-2000:]


def it_tells_what_it_trains(ftk: Ftk) -> str | None:
    """It tells by the event `training` what it trains."""
    told = ftk.events("training")
    missing = [field for field in REPORTED if not told or field not in told[0]]
    return f"`training` lacks {', '.join(missing)}" if missing else None


def it_reports_every_step(ftk: Ftk) -> str | None:
    """It reports by events `metrics` each step with its loss."""
    steps = [event for event in ftk.events("metrics") if "loss" in event]
    if not steps:
        return "there is no event `metrics` with a loss"
    numbers = [event["step"] for event in steps]
    if numbers != sorted(set(numbers)) or numbers[-1] != steps[-1]["steps"]:
        return f"the steps are {numbers} of {steps[-1]['steps']}"
    return None if all(math.isfinite(event["loss"]) for event in steps) else "a loss is no number"


def its_result_is_there(ftk: Ftk) -> str | None:
    """What it says it has trained is there."""
    result = _result(ftk)
    folder = ftk.run_folder() / result["folder"].partition(":")[2]
    if not folder.is_dir() or not any(folder.iterdir()):
        return f"{result['folder']} is empty"
    return None if result["steps"] > 0 else "it says that it did no step"


def a_finished_run_is_left_alone(ftk: Ftk) -> str | None:
    """A finished run that is resumed does nothing again."""
    before = len(ftk.events("command_started"))
    done = ftk("run", "--resume", "latest")
    if done.returncode:
        return done.stderr.strip()[-2000:]
    again = [event["argv"] for event in ftk.events("command_started")[before:]]
    return f"it started {again}" if again else None


AFTER_A_RUN: Sequence[Check[Ftk]] = (
    it_tells_what_it_trains,
    it_reports_every_step,
    its_result_is_there,
    a_finished_run_is_left_alone,
)


def a_stopped_training_goes_on(ftk: Ftk) -> str | None:
    """A training that is asked to stop saves a checkpoint, and goes on from it."""
    return _interrupted(ftk, "cancel", lambda: ftk("cancel", "latest"))


def a_killed_training_goes_on(ftk: Ftk) -> str | None:
    """A training that is killed goes on from its last checkpoint, or from the start, and nothing is left of it."""
    return _interrupted(ftk, "kill", ftk.kill_all)


def _interrupted(ftk: Ftk, how: str, interrupt: Callable[[], object]) -> str | None:
    """Start a run, interrupt it in its training, go on with it, and compare."""
    first = _result(ftk)
    started = ftk.start("run", "config.yml", "--detach")
    _, errors = started.communicate(timeout=PATIENCE)
    if started.returncode:
        return f"a second run did not start: {errors.strip()[-2000:]}"
    ftk.wait_for(lambda: ftk.events("metrics") or ftk.events("run_finished"))
    interrupt()
    ftk.wait_for(lambda: not ftk.workers())
    done = ftk("run", "--resume", "latest")
    if done.returncode:
        return f"after {how}: {done.stderr.strip()[-2000:]}"
    result = _result(ftk)
    if result["steps"] != first["steps"]:
        return f"after {how} it did {result['steps']} steps, uninterrupted {first['steps']}"
    stopped = [event for event in ftk.events("run_finished") if event["status"] == "cancelled"]
    starts = [event["start_step"] for event in ftk.events("training")]
    if how == "cancel" and stopped and len(starts) > 1 and starts[-1] == 0:
        return f"it was stopped in order and began at step 0 again (its starts: {starts})"
    return None


def _result(ftk: Ftk) -> dict[str, Any]:
    manifest = json.loads((ftk.run_folder() / "stages/train.json").read_text())
    result: dict[str, Any] = manifest["result"]
    return result


def make_ftk(folder: Path, variables: dict[str, str]) -> Ftk:
    """A caller of ftk whose runs and cache lie below this folder.

    :param variables: set in the environment of its calls.
    """
    folder = folder.resolve()
    places = {"FTK_RUNS_DIR": str(folder / "runs"), "FTK_CACHE_DIR": str(folder / "cache")}
    return Ftk(folder, folder / "runs", folder / "cache", {**variables, **places})
