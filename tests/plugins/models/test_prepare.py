"""What makes a fetched model or tokenizer ready: converted where its kind needs that."""

import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytest

import ftk_models.plugin
from ftk.advice import find_advice
from ftk.hooks.manager import Manager
from ftk.plugin import Artifact, Cache, Config, Run
from ftk_models import prepare

TOKENIZER = ("tokenizer.json", "tokenizer_config.json")


@pytest.fixture
def converted(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """The names of the converters that were started; each one writes a tokenizer, as they do."""
    names: list[str] = []

    def convert(run: Run, converter: str, source: Artifact, target: Artifact) -> None:
        names.append(converter)
        for name in TOKENIZER:
            (run.path(target) / name).write_text(f"made by {converter}")

    monkeypatch.setattr(prepare, "_convert", convert)
    return names


def tokenizer_of(tmp_path: Path, names: Sequence[str]) -> str:
    """The content of the tokenizer that a model with these files has; a single name is a file by itself."""
    source = tmp_path / "source"
    for name in names:
        source.mkdir(exist_ok=True)
        (source / name).write_text("own")
    manager = Manager()
    manager.register(ftk_models.plugin, "models")
    backend: Any = None
    ref = source / names[0] if len(names) == 1 else source
    run = Run(tmp_path / "run", Cache(tmp_path / "cache"), Config({"base_model": str(ref)}), manager, backend)
    for _ in range(2):
        folder = run.path(manager.prepare_tokenizer("models", run))
    return (folder / "tokenizer.json").read_text()


def test_a_tokenizer_of_today_is_taken_as_it_is(converted: list[str], tmp_path: Path) -> None:
    assert tokenizer_of(tmp_path, ["config.json", *TOKENIZER]) == "own"
    assert converted == []


@pytest.mark.parametrize("names", [["tokenizer.model"], ["tokenizer.json"], ["tokenizer_config.json", "vocab.json"]])
def test_another_one_is_converted_once(converted: list[str], tmp_path: Path, names: list[str]) -> None:
    assert tokenizer_of(tmp_path, ["config.json", *names]) == "made by tokenizer"
    assert converted == ["tokenizer"]


def test_a_gguf_file_is_converted_once(converted: list[str], tmp_path: Path) -> None:
    assert tokenizer_of(tmp_path, ["m.gguf"]) == "made by gguf"
    assert converted == ["gguf"]


@pytest.mark.parametrize("tokenizer", [None, "{", "{}"])
def test_a_tokenizer_that_cannot_be_read_is_told_in_one_line_with_a_remedy(
    tmp_path: Path, tokenizer: str | None
) -> None:
    (tmp_path / "config.json").write_text('{"model_type": "llama"}')
    if tokenizer:
        (tmp_path / "tokenizer.json").write_text(tokenizer)
    argv = [sys.executable, "-m", "ftk_models.tokenizer", str(tmp_path), str(tmp_path / "out")]
    done = subprocess.run(argv, capture_output=True, text=True)
    assert done.returncode == 1
    (last,) = done.stderr.splitlines()[-1:]
    assert last.startswith("the base model has no tokenizer that can be read: ")
    assert tokenizer or last.endswith("to convert a slow tokenizer to a fast one.")
    advice = find_advice(done.stderr, 1, ftk_models.plugin.advice())
    assert advice and (advice.meaning, "tokenizer.json" in advice.remedy) == (last, True)
