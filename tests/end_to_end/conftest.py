"""The real `ftk` command, on runs of its own, with an engine that needs no time."""

import json
import os
import signal
import subprocess
import sysconfig
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import psutil
import pytest

TOY = Path(__file__).parent.parent / "toy_plugin"

SCRIPTS = sysconfig.get_path("scripts")

PATIENCE = 120.0
"""Seconds after which a command or a condition that does not come is a failed test."""

END = "</s>"

CONFIG = """\
base_model: toy://
datasets:
  - path: data.jsonl
    type:
      field_instruction: question
      field_output: answer
      format: "{instruction} "
      no_input_format: "{instruction} "
val_set_size: 2
ftk:
  engine: toy
  stages: {prepare_model: toy, merge: toy, generate: toy}
"""

TINY_CONFIG = """\
base_model: {model}
datasets:
  - path: data.jsonl
    type:
      field_instruction: question
      field_output: answer
      format: "{{instruction}} "
      no_input_format: "{{instruction}} "
val_set_size: 4
adapter: lora
lora_r: 4
lora_dropout: 0.1
lora_target_linear: true
micro_batch_size: 2
max_steps: 10
save_steps: 2
learning_rate: 1e-2
ftk:
  evaluate: {{rows: 2, max_new_tokens: 4}}
"""

ROWS = [{"question": f"what is {number} and {number}?", "answer": str(2 * number)} for number in range(8)]


@dataclass
class Ftk:
    """Calls `ftk` in `folder`: `ftk("run", config, "--json")` gives a finished process, with its output as text.

    :param folder: the current folder of all calls.
    :param runs: where runs appear.
    :param cache: the cache.
    :param variables: what is set in the environment of each call.
    """

    folder: Path
    runs: Path
    cache: Path
    variables: dict[str, str]
    started: list["subprocess.Popen[str]"] = field(default_factory=list)

    def __call__(self, *arguments: object, **variables: str) -> "subprocess.CompletedProcess[str]":
        """Call `ftk` and wait for it."""
        process = self.start(*arguments, **variables)
        output, errors = process.communicate(timeout=PATIENCE)
        return subprocess.CompletedProcess(process.args, process.returncode, output, errors)

    def start(self, *arguments: object, **variables: str) -> "subprocess.Popen[str]":
        """Start `ftk` as the leader of a process group of its own, as a shell does, and return at once."""
        process = subprocess.Popen(
            [f"{SCRIPTS}/ftk", *map(str, arguments)],
            cwd=self.folder,
            env=self.environment(variables),
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
            process_group=0,
            preexec_fn=_as_at_a_terminal,
        )
        self.started.append(process)
        return process

    def environment(self, more: Mapping[str, str] = {}) -> dict[str, str]:
        """The environment of a call, without the settings of whoever runs the tests."""
        inherited = {name: value for name, value in os.environ.items() if not name.startswith("FTK_")}
        return {**inherited, **self.variables, **more}

    def run_folder(self) -> Path:
        """The folder of the newest run."""
        return max(item for item in self.runs.iterdir() if item.is_dir() and item.suffix != ".partial")

    def events(self, kind: str | None = None) -> list[dict[str, Any]]:
        """What the newest run has reported so far, ordered by time; of one kind, if it is named."""
        paths = self.run_folder().glob("events/*.jsonl") if self.has_run() else ()
        found = [event for path in paths for event in _whole_lines(path)]
        return sorted((event for event in found if kind in (None, event["kind"])), key=lambda event: event["time"])

    def has_run(self) -> bool:
        """Whether there is a run."""
        return self.runs.is_dir() and any(item.is_dir() and item.suffix != ".partial" for item in self.runs.iterdir())

    def wait_for(self, condition: Callable[[], Any]) -> Any:
        """What `condition` gives as soon as that is true."""
        deadline = time.monotonic() + PATIENCE
        while not (value := condition()):
            assert time.monotonic() < deadline, "what was waited for did not come"
            time.sleep(0.01)
        return value

    def wait_for_event(self, kind: str, **fields: Any) -> dict[str, Any]:
        """The newest run's first event of this kind with these fields."""
        return self.wait_for(lambda: next((event for event in self.events(kind) if _has(event, fields)), None))

    def assert_nobody_works(self) -> None:
        """Nothing that works on a run is left; whoever is just ending is given the time for it."""
        _, alive = psutil.wait_procs(self.workers(), timeout=5)
        assert not alive, [process.cmdline() for process in alive]

    def kill_all(self) -> None:
        """Kill the calls that have not ended, and everything that works on the runs."""
        for process in self.started:
            if process.poll() is None:
                process.kill()
        for worker in self.workers():
            with suppress(psutil.NoSuchProcess):
                worker.kill()

    def workers(self) -> list[psutil.Process]:
        """All processes that work on any of these runs: drivers, commands, and whatever they have started."""
        found = []
        for process in psutil.process_iter():
            with suppress(psutil.Error):  # it is gone by now, or a zombie
                if process.environ().get("FTK_RUN", "").startswith(f"{self.runs}/"):
                    found.append(process)
        return found


def _as_at_a_terminal() -> None:
    """Take signals as a shell's command does, also where the tests themselves were started in the background."""
    for number in (signal.SIGINT, signal.SIGHUP):
        signal.signal(number, signal.SIG_DFL)


def _has(event: Mapping[str, Any], fields: Mapping[str, Any]) -> bool:
    return all(event.get(name) == value for name, value in fields.items())


def _whole_lines(path: Path) -> Iterator[dict[str, Any]]:
    for line in path.read_text().split("\n")[:-1]:
        try:
            yield json.loads(line)
        except ValueError:  # torn by a kill
            continue


@pytest.fixture(scope="session")
def make_ftk() -> Iterator[Callable[[Path], Ftk]]:
    """Makes an `Ftk` that works in a folder of its own; whatever is left of it is killed at the end of the tests."""
    made: list[Ftk] = []

    def make(folder: Path) -> Ftk:
        folder.mkdir(parents=True, exist_ok=True)
        runs, cache = folder / "runs", folder / "cache"
        variables = {
            "PYTHONPATH": os.pathsep.join([str(TOY), *filter(None, [os.environ.get("PYTHONPATH")])]),
            "PATH": f"{SCRIPTS}{os.pathsep}{os.environ['PATH']}",
            "FTK_RUNS_DIR": str(runs),
            "FTK_CACHE_DIR": str(cache),
        }
        made.append(Ftk(folder, runs, cache, variables))
        return made[-1]

    yield make
    for calls in made:
        calls.kill_all()


@pytest.fixture
def ftk(tmp_path: Path, make_ftk: Callable[[Path], Ftk]) -> Iterator[Ftk]:
    """Calls the real `ftk` in the test's own folder; whatever is left of it is killed at the end of the test."""
    calls = make_ftk(tmp_path)
    yield calls
    calls.kill_all()


@pytest.fixture(scope="session")
def write_toy_config() -> Callable[[Path], Path]:
    """Writes a config for the toy engine into a folder, with its data file beside it."""
    return lambda folder: _write_config(folder, CONFIG, ROWS)


@pytest.fixture
def toy_config(tmp_path: Path, write_toy_config: Callable[[Path], Path]) -> Path:
    """A config for the toy engine, with its data file beside it."""
    return write_toy_config(tmp_path)


@pytest.fixture(scope="session")
def write_tiny_config(tiny_model: Path) -> Callable[[Path], Path]:
    """Writes a config for the embedded engine, which trains a tiny model in ten steps, with five checkpoints."""
    return lambda folder: _write_config(folder, TINY_CONFIG.format(model=tiny_model), ROWS * 4)


@pytest.fixture
def tiny_config(tmp_path: Path, write_tiny_config: Callable[[Path], Path]) -> Path:
    """A config for the embedded engine, with its data file beside it."""
    return write_tiny_config(tmp_path)


def _write_config(folder: Path, config: str, rows: Sequence[Mapping[str, str]]) -> Path:
    (folder / "data.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows))
    (folder / "config.yml").write_text(config)
    return folder / "config.yml"


@pytest.fixture(scope="session")
def tiny_model(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A Llama of two layers with random weights, and a tokenizer of bytes."""
    import torch
    from tokenizers import Tokenizer, decoders, models, pre_tokenizers
    from transformers import LlamaConfig, LlamaForCausalLM, PreTrainedTokenizerFast

    folder = tmp_path_factory.mktemp("tiny")
    vocabulary = {token: number for number, token in enumerate([END, *sorted(pre_tokenizers.ByteLevel.alphabet())])}
    tokenizer = Tokenizer(models.BPE(vocabulary, []))
    tokenizer.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    tokenizer.decoder = decoders.ByteLevel()
    tokenizer.add_special_tokens([END])
    PreTrainedTokenizerFast(tokenizer_object=tokenizer, eos_token=END, pad_token=END).save_pretrained(folder)
    torch.manual_seed(0)
    config = LlamaConfig(
        vocab_size=len(vocabulary),
        hidden_size=64,
        intermediate_size=128,
        num_hidden_layers=2,
        num_attention_heads=4,
        bos_token_id=None,
        eos_token_id=0,
        pad_token_id=0,
    )
    LlamaForCausalLM(config).save_pretrained(folder)
    return folder
