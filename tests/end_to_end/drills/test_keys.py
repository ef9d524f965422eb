"""Keys that nobody reads, or that contradict each other."""

from typing import Any

import pytest

UNREAD = "is read by nothing that this run uses"

CASES = {
    "capitals": ("Lora_r: 8\n", f"5: `Lora_r` {UNREAD}", "did you mean `lora_r`?"),
    "a dash": ("lora-r: 8\n", f"5: `lora-r` {UNREAD}", "did you mean `lora_r`?"),
    "a number": ("1: 2\n", f"5: `1` {UNREAD}", "remove it"),
    "inside of ftk": ("ftk:\n  evaluate: {row: 3}\n", f"6: `ftk.evaluate.row` {UNREAD}", "did you mean `rows`?"),
    "of ftk": ("ftk: {engin: x}\n", f"5: `ftk.engin` {UNREAD}", "did you mean `engine`?"),
    "a stage": ("ftk: {stages: {mrege: merge}}\n", f"5: `ftk.stages.mrege` {UNREAD}", "did you mean `merge`?"),
    "beside a path": ("    pth: x\n", f"5: `datasets[0].pth` {UNREAD}", "did you mean `path`?"),
    "of another engine": (
        "deepspeed: z.json\n",
        "5: `deepspeed` is read by axolotl, not by transformers",
        "engine: axolotl",
    ),
    "an engine": ("ftk: {engine: torchtune}\n", "5: no plugin 'torchtune' provides train", "transformers"),
    "a provider": ("ftk: {stages: {merge: mrege}}\n", "5: no plugin 'mrege' provides merge", "did you mean"),
    "a backend": (
        "ftk: {backend: slurm}\n",
        "5: no plugin brings the backend 'slurm'",
        "plugins that bring one: local",
    ),
    "a logger": ("ftk: {loggers: [wandbb]}\n", "5: no plugin brings the logger 'wandbb'", "did you mean 'wandb'?"),
    "a disabled plugin": (
        "ftk: {disable_plugins: [formts]}\n",
        "5: there is no plugin 'formts' to disable",
        "'formats'",
    ),
    "an environment": (
        "ftk: {environments: {transformer: inherit}}\n",
        "5: no plugin describes the environment",
        "'transformers'",
    ),
    "an interpreter": (
        "ftk:\n  environments: {transformers: /nowhere/python}\n",
        "6: train by transformers: the interpreter of the environment transformers does not work",
        "name an interpreter that works",
    ),
    "ftk's own keys elsewhere": ("engine: transformers\n", f"5: `engine` {UNREAD}", "did you mean `ftk.engine`?"),
    "an engine among the stages": (
        "ftk: {stages: {train: transformers}}\n",
        f"5: `ftk.stages.train` {UNREAD}",
        "did you mean `ftk.engine`?",
    ),
    "endless data": (
        "pretraining_dataset: [{path: allenai/c4}]\n",
        "5: `pretraining_dataset` is [{path: 'allenai/c4'}], but must be left out: ftk stages data sets whole",
        "`type: completion`",
    ),
    "ftk's interpreter": (
        "ftk: {engine: axolotl, environments: {axolotl: inherit}}\nlearning_rate: 1e-4\n",
        "5: train by axolotl: axolotl, deepspeed cannot be imported",
        "or none: ftk builds its own",
    ),
    "without the engine": (
        "ftk: {disable_plugins: [transformers]}\n",
        "5: axolotl can provide train, but not unasked",
        "`ftk.engine: axolotl`",
    ),
    "a plugin's file": (
        "ftk: {plugins: [./absent.py]}\n",
        "5: the plugin absent.py cannot be read: No such file or directory",
        "check its name",
    ),
    "two ways to save": ("save_steps: 2\nsaves_per_epoch: 2\n", "6: `saves_per_epoch` contradicts", "keep one of them"),
    "nothing to evaluate on": ("eval_steps: 2\n", "5: `eval_steps` needs rows to evaluate on", "set val_set_size"),
    "held out twice": (
        "val_set_size: 2\ntest_datasets: [{path: held-out.jsonl, type: completion}]\n",
        "5: `val_set_size` and `test_datasets` both name rows to hold out",
        "remove one of them",
    ),
    "a revision of no hub": (
        "revision_of_model: main\n",
        "6: `revision_of_model` is of the hub, and pypi://p/m.gguf is not",
        "remove it",
    ),
}

NEEDS = {
    "of another engine": "axolotl",
    "a logger": "wandb",
    "ftk's interpreter": "axolotl",
    "without the engine": "axolotl",
}
"""The plugins that cases are about, where it is not one that all tests run with."""


def _marked(case: str) -> Any:
    return pytest.param(case, marks=[pytest.mark.needs(NEEDS[case])] if case in NEEDS else [])


@pytest.mark.parametrize("case", [_marked(case) for case in CASES])
def test_a_key_that_means_nothing_here_is_told(drill, config: str, case: str) -> None:
    text, says, remedy = CASES[case]
    if case == "a revision of no hub":
        config = config.replace("base_model: org/name", "base_model:\n  pypi://p/m.gguf")
    drill.write({"c.yml": config + text, "held-out.jsonl": '{"text": "x"}\n'})
    drill.refused("run", "c.yml", says=f"c.yml:{says}", remedy=remedy, lines=2)


@pytest.mark.parametrize(
    ("given", "says"),
    [
        ("=8", "--set =8: there is no value"),
        ("lorar=8", f"--set lorar: `lorar` {UNREAD}; did you mean `lora_r`?"),
        ("ftk.evaluate.row=8", f"--set ftk.evaluate.row: `ftk.evaluate.row` {UNREAD}; did you mean `rows`?"),
        ("lora_r.x=8", "--set lora_r.x: `lora_r` is {x: 8}, but must be a whole number"),
        ("ftk=8", "--set ftk: `ftk` is 8, but must be a mapping of keys"),
        ("lora_r={", "--set lora_r:1: is no YAML"),
        ("datasets.7.path=x", "--set datasets.7.path: there is no such place in the config"),
    ],
)
def test_a_wrong_set_is_told_as_the_place(drill, given: str, says: str) -> None:
    drill.refused("run", "c.yml", "--set", given, says=says, lines=2)
