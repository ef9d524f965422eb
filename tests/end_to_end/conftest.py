"""The real `ftk` command, on runs of its own, with an engine that needs no time."""

import json
import os
import zipfile
from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path

import pytest

from ftk.testing.calls import SCRIPTS, Ftk

TOY = Path(__file__).parent.parent / "toy_plugin"

BOXED = Path(__file__).parent.parent / "boxed_plugin"

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


@pytest.fixture(scope="session")
def wheels(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with the packages of the boxed plugin's lock."""
    folder = tmp_path_factory.mktemp("wheels")
    version = 'VERSION = "1.0"\n'
    _write_wheel(folder, "tiny_box", {"tiny_box/__init__.py": version}, needs="tiny-lid")
    for name in ("tiny_lid", "tiny_seal"):
        _write_wheel(folder, name, {f"{name}/__init__.py": version})
    torch = {"torch/__init__.py": "raise ImportError", "torch/version.py": "__version__, cuda = '2.13.0+cu130', '13.0'"}
    _write_wheel(folder, "tiny_torch", torch)
    for fit in ("cu13torch2.13", "cu12torch2.13", "cu13torch2.14"):
        _write_wheel(folder, "tiny_flash", {"tiny_flash.py": f"FIT = {fit!r}\n"}, version=f"1.0+{fit}")
    return folder


def _write_wheel(folder: Path, name: str, content: dict[str, str], version: str = "1.0", needs: str = "") -> None:
    info = f"{name}-{version}.dist-info"
    metadata = f"Metadata-Version: 2.1\nName: {name}\nVersion: {version}\n"
    about = {
        f"{info}/METADATA": metadata + (f"Requires-Dist: {needs}\n" if needs else ""),
        f"{info}/WHEEL": "Wheel-Version: 1.0\nRoot-Is-Purelib: true\nTag: py3-none-any\n",
        f"{info}/RECORD": "",
    }
    with zipfile.ZipFile(folder / f"{name}-{version}-py3-none-any.whl", "w") as wheel:
        for path, text in {**content, **about}.items():
            wheel.writestr(path, text)


@pytest.fixture
def boxed(ftk, wheels: Path) -> Ftk:
    """Calls `ftk` with the boxed plugin, whose packages come from a folder: there is no network."""
    ftk.variables["PYTHONPATH"] = f"{BOXED}:{ftk.variables['PYTHONPATH']}"
    ftk.variables |= {"PIP_NO_INDEX": "1", "PIP_FIND_LINKS": str(wheels), "CUDA_VISIBLE_DEVICES": ""}
    return ftk
