"""What a stranger types and sees, with an engine that needs no time; `...` stands for any text."""

from pathlib import Path

import pytest

TRANSCRIPTS = {
    "a run tells its stages and what came out": """
$ ftk run config.yml
run ftk-...: stage_data, prepare_model, train, merge
stage_data by formats
...
  done in ...: 6 rows to train on, 2 held out, ... tokens
prepare_model by toy
...
train by toy
...
  step .../...  loss ...
...
merge by toy
...
evaluate by toy
...
row ..., held-out row: what is ...
  base      ...
  tuned     ...
  expected  ...
...
exact match       rows    base   tuned
training rows        6 ...
held-out rows        2 ...

run      runs/ftk-...
adapter  runs/ftk-.../lora-out
merged   runs/ftk-.../lora-out/merged

ask it:  ftk infer "..." --run ftk-...
more:    ftk show ftk-...
""",
    "runs are listed, shown, and their output is printed": """
$ ftk runs
no runs in runs yet; start one: `ftk run configs/quickstart.yml`
$ ftk run config.yml --json 2>/dev/null
{"run": "ftk-...", "folder": "runs/ftk-...", "state": "finished", "scores": [...]}
$ ftk runs
ftk-...  finished
$ ftk runs --json
[{"run": "ftk-...", "state": "finished"}]
$ ftk show
ftk-...  finished
  stage_data     formats        ... s
  prepare_model  toy            ... s
  train          toy            ... s
  merge          toy            ... s
...
exact match       rows    base   tuned
...
$ ftk show latest --json
{"run": "ftk-...", "state": "finished", "stages": {"stage_data": ...
$ ftk logs
...
""",
    "a detached run is attached to, and a second look tells the same": """
$ ftk run config.yml --detach
ftk-... is running; `ftk attach ftk-...` shows it
$ ftk attach
run ftk-...: stage_data, prepare_model, train, merge
...
merged   runs/ftk-.../lora-out/merged
...
$ ftk attach latest 2>&1 | head -1
run ftk-...: stage_data, prepare_model, train, merge
""",
    "a cancelled run is gone on with": """
$ ftk run config.yml --detach --set toy_step_seconds=0.2
ftk-... is running; `ftk attach ftk-...` shows it
$ ftk cancel latest
ftk-... is cancelled; `ftk run --resume ftk-...` goes on
$ ftk cancel latest
nothing works on ftk-...; it is cancelled
$ ftk run --resume latest 2>&1 | tail -1
more:    ftk show ftk-...
$ ftk runs
ftk-...  finished
""",
    "a model is asked": """
$ ftk infer hello
error: no run has trained a model yet
  start one: `ftk run configs/quickstart.yml`
$ ftk run config.yml --json >/dev/null 2>&1; ftk infer "what is 1 and 1?"
...
$ ftk infer "what is 1 and 1?" --run latest --json
{"run": "ftk-...", "text": "...", "tokens": ..., "finish": "..."}
""",
    "a dry run changes nothing": """
$ ftk run config.yml --dry-run
would do, and nothing was changed:
  stage_data by formats
  prepare_model by toy
  train by toy
  merge by toy
on the backend local, with this config:

base_model: toy://
...
$ ls runs cache
ls: cannot access 'runs': No such file or directory
ls: cannot access 'cache': No such file or directory
""",
    "plugins are listed": """
$ ftk plugins
...
formats        works     finetune-kit ... (ftk_formats.plugin)
               check, ...
...
toy            works     ftk-toy 1.0 (ftk_toy.plugin)
               environment, generate, merge, prepare_model, prepare_tokenizer, train
...
$ FTK_DISABLE_PLUGINS=toy ftk plugins --json
[...{"name": "toy", ... "state": "disabled"}...]
""",
    "the version is told": """
$ ftk --version
ftk, version ...
""",
}


@pytest.mark.parametrize("name", TRANSCRIPTS)
def test_a_transcript(name: str, ftk, toy_config: Path, play) -> None:
    play(TRANSCRIPTS[name].lstrip("\n"), toy_config.parent, ftk.variables, 60)


def test_a_dry_run_knows_a_backend_that_is_not_there(ftk, toy_config: Path) -> None:
    done = ftk("run", toy_config, "--dry-run", "--backend", "moon")
    assert done.returncode == 2
    assert "no plugin brings the backend 'moon'" in done.stderr
