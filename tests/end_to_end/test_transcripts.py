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
    "a run is served, talked with and left alone": """
$ ftk serve --list
nothing is served; `ftk serve RUN` does
$ ftk run config.yml --name sums >/dev/null 2>&1; ftk serve sums --server toy --port 0 --detach
the server starts: ...
http://127.0.0.1:... serves sums

curl http://127.0.0.1:.../v1/chat/completions -H "Content-Type: application/json" -d '{"model": "sums", ...}'

import openai
client = openai.OpenAI(base_url="http://127.0.0.1:.../v1", api_key='none')
print(client.chat.completions.create(model="sums", ...).choices[0].message.content)
$ ftk serve --list
ftk-...-sums-...  ready     http://127.0.0.1:...  sums
$ ftk serve --list --json
[{"id": "ftk-...-sums-...", "state": "ready", "url": "http://127.0.0.1:...", "has_key": false, "models": ["sums"], ...}]
$ ftk serve sums --server axolotl
error: --server: no plugin 'axolotl' provides serve; those that do: ...toy...
$ ftk rm sums --yes
error: ftk-...-sums is being served
  `ftk serve --stop ftk-...-sums-...` ends that
$ ftk serve --stop
ftk-...-sums-... is stopped
$ ftk serve --stop
error: 0 servers are there
  name one, or --all; `ftk serve --list` shows them
$ printf 'what is 2 and 2?\\nand now?\\n/reset\\nwhy?\\n' | ftk chat sums --server toy 2>/dev/null
4
... characters
5 characters
""",
    "runs are listed, shown, and their output is printed": """
$ ftk runs
no runs in runs yet; start one: `ftk run configs/quickstart.yml`
$ ftk run config.yml --json 2>/dev/null
{"run": "ftk-...", "folder": "runs/ftk-...", "state": "finished", "scores": [...]}
$ ftk runs
ftk-...  finished
$ ftk runs --json
[{"run": "ftk-...", "name": null, "state": "finished"}]
$ ftk show
ftk-...  finished
  stage_data     formats        ... s
  prepare_model  toy            ... s
  train          toy            ... s
  merge          toy            ... s
...
exact match       rows    base   tuned
...
$ ftk show
...
training loss: first ... at step 1, best ... at step ..., last ... at step 6

...┤...
...
          1                                                                    6
          ⠤ training loss
...
$ ftk show --report
# ftk-...

finished; `resolved.yml` in runs/ftk-... has every key.

## Config

| key | value |
| --- | --- |
| engine | toy |
| `base_model` | toy:// |
...
## Data

| rows to train on | held out | tokens | trained tokens |
| --- | --- | --- | --- |
| 6 | 2 | ... | ... |

## Losses

|  | first | best | last |
| --- | --- | --- | --- |
| training loss | ... (step 1) | ... (step ...) | ... (step 6) |

## Exact match

|  | rows | base | tuned |
| --- | --- | --- | --- |
| training rows | 6 | 0% | ...% |
| held-out rows | 2 | 0% | ...% |

## Samples

- row ...: what is ...
...
## Time

| stage | by | took |
| --- | --- | --- |
| stage_data | formats | ... |
...
## Versions

| package | version |
| --- | --- |
| Python | 3... |
...
| ftk-toy | 1.0 |
...
$ ftk show latest --json
{"run": "ftk-...", "state": "finished", "stages": {"stage_data": ... "metrics": {"loss": [[1, ...]]...}}
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
$ ftk run config.yml --detach --set toy_step_seconds=0.5 --set max_steps=200
ftk-... is running; `ftk attach ftk-...` shows it
$ ftk cancel latest
ftk-... is cancelled; `ftk run --resume ftk-...` goes on
$ ftk cancel latest
nothing works on ftk-...; it is cancelled
$ ftk run --resume latest --engine wandb
error: --engine: no plugin 'wandb' provides train; those that do: ...toy...
$ ftk run --resume latest --set toy_step_seconds=0 2>&1 | tail -1
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
$ ftk infer --field question="what is 9 and 9?"
17 characters
$ ftk infer --field answer=9
error: --field: the field `question` is missing (it has `answer`); add it, or name the right field
$ echo "what is 9 and 9? " | ftk infer -
17 characters
$ (echo '{"prompt": "three words long"}'; echo '"two words"'; cat data.jsonl) > prompts.jsonl; wc -l < prompts.jsonl
10
$ ftk infer --input prompts.jsonl --output out.jsonl; cat out.jsonl
  answered 10 of 10
{"prompt": "three words long", "text": "16 characters", "tokens": ...
{"prompt": "two words", "text": "9 characters", "tokens": ...
{"question": "what is 0 and 0?", "answer": "0", "text": "..."...
...
{"question": "what is 7 and 7?", "answer": "14", "text": "..."...
$ printf '{"prompt": 3}\\n\\n[1]\\n{"prompt": ""}\\n{\\n{"answer": "x"}\\n' > bad.jsonl; ftk infer --input bad.jsonl
error: bad.jsonl:1: `prompt` is 3, not text; put it in quotes
bad.jsonl:3: is [1], neither a text nor an object; such as {"prompt": "hello"}
bad.jsonl:4: there is nothing to ask; write a `prompt`, or the fields of a row
bad.jsonl:5: is no JSON: ...; write one object a line, such as {"prompt": "hello"}
$ sed -n 6p bad.jsonl > worse.jsonl; ftk infer --input worse.jsonl
error: worse.jsonl:1: the field `question` is missing (it has `answer`); add it, or name the right field
$ ls runs/*/ | grep -c generate
0
""",
    "a model is measured": """
$ ftk eval
error: no run has trained a model yet
  start one: `ftk run configs/quickstart.yml`
$ ftk run config.yml --set ftk.stages.score=toy >/dev/null 2>&1; ftk eval 2>/dev/null
on held-out rows          rows        base       tuned
loss                         2      1.0000      1.0000
perplexity                   2      2.7183      2.7183
exact match                  2          0%          0%
$ echo 'size = lambda prompt, answer, expected: len(answer)' > m.py; ftk eval --data data.jsonl --metric m.py:size
  losses of the base model
  losses of the tuned model
  asking the base model
  answered 8 of 8
  asking the tuned model
  answered 8 of 8
on data.jsonl             rows        base       tuned
loss                         8      1.0000      0...
perplexity                   8      2.7183      1...
exact match                  8          0%        ...%
size                         8     13.0000      ...
$ ftk eval latest --json 2>/dev/null
{"run": "ftk-...", ... "data": "held-out rows", ... "measures": [{"name": "loss", ...}], "answers": [{...}]}
$ ftk show | grep -A 1 "^on "
on held-out rows          rows        base       tuned
loss                         2      1.0000      1.0000
$ ftk show --report | grep -A 3 Evaluation
## Evaluation

| on held-out rows | rows | base | tuned |
| --- | --- | --- | --- |
$ ls runs/*/ | grep -c evaluate-
0
$ ftk run --resume latest --from train >/dev/null 2>&1; ls runs/*/ | grep -c evaluations
0
""",
    "rows are looked at as they are trained, with a run and without": """
$ ftk inspect config.yml --row 8
row 8, to train on: 20 tokens, 3 of them trained
w|h|a|t| |i|s| |7| |a|n|d| |7|?| «1|4|</s>»

rows        6 to train on, 2 held out
tokens      155, of which 19 (12%) are trained
duplicates  0 rows are equal to one before them
lengths     19 to 20 tokens, half of them at most 19; sequence_len is 2,048
...
$ ls runs
ls: cannot access 'runs': No such file or directory
$ ftk run config.yml --until stage_data >/dev/null 2>&1; ftk inspect --limit 1 --ids | head -2
row ..., to train on: ... tokens, ... of them trained
w(89)|h(74)|a(67)|t(86)| (2)|i(75)|s(85)| (2)|...(...)|?(33)| (2)«...(...)|</s>(0)»
$ ftk inspect latest --grep "6 and 6" --json
{"data": {...}, "statistics": {"train_rows": 6, ...}, "rows": [{"split": "...", "number": 7, ...}]}
$ ftk inspect latest --row 9
error: there is no row 9 among those that are trained or held out
  rows are counted from 1 over all data sets; some may be left out for their length
$ ftk inspect latest --set seed=1 2>&1 | tail -1
Error: options that change a config go with a config; a run keeps what it was made with
$ echo >> data.jsonl; stat -c "%F, names: %h" runs/*/data.jsonl; cmp -s data.jsonl runs/*/data.jsonl || echo kept
regular file, names: 1
kept
""",
    "output is followed, or its end is shown": """
$ ftk run config.yml --detach --set toy_step_seconds=0.05
ftk-... is running; `ftk attach ftk-...` shows it
$ ftk logs -f | grep -c ^step
6
$ ftk logs -n 1
step 6/6  loss ...
$ ftk logs -n 0 | wc -c
0
$ ftk logs --lines 2 latest | wc -l
2
""",
    "a run has a name, is merged later, and is removed": """
$ ftk run config.yml --name my-sql --no-merge >/dev/null 2>&1; ftk run config.yml --name my-sql
error: ftk-...-my-sql has the name 'my-sql'
  choose another, or `ftk rm my-sql` first
$ ftk runs
ftk-...-my-sql  finished
$ ftk runs --json
[{"run": "ftk-...-my-sql", "name": "my-sql", "state": "finished"}]
$ ls runs/*/lora-out/merged
ls: cannot access 'runs/*/lora-out/merged': No such file or directory
$ ftk merge my-sql
run ftk-...-my-sql: stage_data, prepare_model, train, merge
stage_data was done before
prepare_model was done before
train was done before
merge by toy
  done in ...
...
merged   runs/ftk-...-my-sql/lora-out/merged
...
$ ftk rm my-sql </dev/null
to be removed, with everything in it:
  runs/ftk-...-my-sql
go on? [y/N]:...
$ ftk rm my-sql nobody --yes
error: there is no run 'nobody' in runs
  `ftk runs` lists them
$ ftk rm my-sql --yes
ftk-...-my-sql is removed
$ ls runs; ftk merge my-sql
error: there are no runs in runs
  start one: `ftk run CONFIG`
""",
    "files of a run are brought here, and what is here is not brought again": """
$ ftk run config.yml --json >/dev/null 2>&1; ftk pull latest lora-out --to models
models/lora-out  ... files, ... MB
$ ls models/lora-out/merged && ftk pull latest lora-out/merged --to models
...
models/lora-out/merged  ... files, ... MB, ... of them were here
$ rm -r models/*/merged; ftk pull latest --to models >/dev/null; cmp models/resolved.yml runs/*/resolved.yml; echo $?
0
$ ls models/lora-out
...
merged
...
$ ftk pull latest --to data.jsonl
error: data.jsonl is a file, not a folder
  name the folder to fill: --to
$ PYTHONPATH= ftk inspect --limit 1 | head -1
row ..., to train on: ... tokens, ... of them trained
$ PYTHONPATH= ftk infer hello
error: ftk-.../resolved.yml:...: no plugin 'toy' provides ...
$ ftk pull latest nothing
error: ftk-... has no 'nothing'
  `ftk pull ftk-...` brings all of it
$ ftk deploy
error: servers of the backend local end with this machine
  `ftk serve --detach` starts one; or name another backend: --backend
""",
    "a run at work is not removed, nor one that has not trained merged": """
$ ftk run config.yml --detach --set toy_step_seconds=10
ftk-... is running; `ftk attach ftk-...` shows it
$ ftk rm latest --yes
error: ftk-... is being worked on
  `ftk cancel ftk-...` stops it
$ ftk cancel --now latest
ftk-... is cancelled; `ftk run --resume ftk-...` goes on
$ ftk merge latest
error: ftk-... has not finished its training
  `ftk run --resume ftk-...` goes on
$ yes | ftk rm latest 2>/dev/null; ls runs
ftk-... is removed
""",
    "a config is validated": """
$ ftk validate config.yml
config.yml is fine; `ftk run` would do, on the backend local:
  stage_data by formats
  prepare_model by toy
  train by toy
  merge by toy
$ ftk validate config.yml --set datasets.0.pth=x
error: --set datasets.0.pth: `datasets[0].pth` is read by nothing that this run uses; did you mean `path`?
$ ftk validate config.yml --json
{"config": "config.yml", "ok": true, "problems": [], "stages": {"stage_data": "formats", ...}, "backend": "local"}
$ printf 'lora_rr: 8\\nmax_steps: many\\nadapter: lora\\n' >> config.yml; ftk validate config.yml; echo "exit code $?"
error: config.yml:14: `max_steps` is 'many', but must be a whole number
config.yml:13: `lora_rr` is read by nothing that this run uses; remove it, or check how it is written
config.yml:15: `adapter` is read by ...transformers, not by toy; `ftk.engine: ...transformers`...
exit code 2
$ ftk validate config.yml --set max_steps=2 --json
{"config": "config.yml", "ok": false, "problems": [{"place": "config.yml:13", "message": "`lora_rr` ...}
$ ls runs
ls: cannot access 'runs': No such file or directory
""",
    "a schema for editors is printed": """
$ ftk schema | head -3
{
  "$schema": "https://json-schema.org/draft/2020-12/schema",
  "title": "A config of ftk",
$ ftk schema | python -c "import json, sys; print(json.load(sys.stdin)['properties']['toy_step_seconds'])"
{'type': ['number', 'null'], 'minimum': 0, 'default': 0, 'description': 'how long a step takes'}
""",
    "what keeps runs from working is found": """
$ HF_ENDPOINT=http://127.0.0.1:9 HF_TOKEN=hf_secret ftk doctor
ok  Python                     3...
ok  ftk                        ...
ok  CPUs                       ...
...
ok  folder of runs             ...
ok  folder of cache            ...
ok  file locks                 work in the folder of runs
ok  clock                      ...
...
--  model hub                  http://127.0.0.1:9 cannot be reached: ...Connection refused
    check network and proxy, or use models on this machine, or set HF_ENDPOINT to a mirror
ok  token of the hub           there is one
...
ok  plugin toy                 ftk-toy 1.0
...
$ HF_HUB_OFFLINE=1 FTK_RUNS_DIR=/proc/runs ftk doctor --json | tr '}' '\\n' | grep broken
...{"subject": "folder of runs", "verdict": "broken", "detail": "/proc/runs cannot be written: ...
...{"subject": "file locks", "verdict": "broken", "detail": "do not work in /proc/runs: ...
$ HF_HUB_OFFLINE=1 FTK_RUNS_DIR=/proc/runs ftk doctor > /dev/null; echo "exit code $?"
exit code 1
""",
    "a shell completes commands and runs": """
$ ftk completion bash | head -1
# eval "$(ftk completion bash)"   # in ~/.bashrc
$ ftk completion fish | grep -c _FTK_COMPLETE
1
$ run=runs/ftk-2026-01-01-00-00-00-abcd-my-sql; mkdir -p $run; touch $run/resolved.yml; ftk runs
ftk-2026-01-01-00-00-00-abcd-my-sql  created
$ eval "$(ftk completion bash)"; COMP_WORDS=(ftk show my) COMP_CWORD=2; _ftk_completion ftk; echo "${COMPREPLY[@]}"
my-sql
$ COMP_WORDS="ftk va" COMP_CWORD=1 _FTK_COMPLETE=bash_complete ftk
plain,validate
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
               environment, generate, merge, prepare_model, prepare_tokenizer, score, serve, train
...
$ FTK_DISABLE_PLUGINS=toi ftk validate config.yml
error: the environment variable FTK_DISABLE_PLUGINS: there is no plugin 'toi' to disable; did you mean 'toy'?
$ FTK_DISABLE_PLUGINS=toy ftk plugins --json
[...{"name": "toy", ... "state": "disabled", ...}...]
""",
    "the version is told": """
$ ftk --version
ftk, version ...
""",
}


LONG = ("a model is asked", "a model is measured")


@pytest.mark.parametrize(
    "name", [pytest.param(name, marks=[pytest.mark.slow] * (name in LONG)) for name in TRANSCRIPTS]
)
def test_a_transcript(name: str, ftk, toy_config: Path, play) -> None:
    play(TRANSCRIPTS[name].lstrip("\n"), toy_config.parent, ftk.variables, 60)


def test_a_dry_run_knows_a_backend_that_is_not_there(ftk, toy_config: Path) -> None:
    done = ftk("run", toy_config, "--dry-run", "--backend", "moon")
    assert done.returncode == 2
    assert "no plugin brings the backend 'moon'" in done.stderr
