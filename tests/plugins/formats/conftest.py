"""A tiny tokenizer, and runs that hold data files."""

import json
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

import pytest
from tokenizers import Tokenizer, models, pre_tokenizers

import ftk_formats.plugin
from ftk.hooks.manager import Manager
from ftk.plugin import Artifact, Cache, Config, RowTokenizer, Run, complete, hookimpl

WORDS = ["<s>", "</s>", "?", *(f"w{number}" for number in range(40))]

Row = Mapping[str, Any]
MakeRun = Callable[..., Run]


class TokenizerSource:
    """A plugin that brings the tokenizer, from the cache."""

    @hookimpl
    def prepare_tokenizer(self, run: Run) -> Artifact:
        return Artifact("cache", "tokenizer")


@pytest.fixture
def cache(tmp_path: Path) -> Path:
    """A cache that holds a tokenizer of forty words, `w0` to `w39`."""
    folder = tmp_path / "cache" / "tokenizer"
    folder.mkdir(parents=True)
    tokenizer = Tokenizer(models.WordLevel({word: number for number, word in enumerate(WORDS)}, unk_token="?"))
    tokenizer.pre_tokenizer = pre_tokenizers.Whitespace()
    tokenizer.add_special_tokens(["<s>", "</s>"])
    tokenizer.save(str(folder / "tokenizer.json"))
    (folder / "tokenizer_config.json").write_text(json.dumps({"bos_token": "<s>", "eos_token": "</s>"}))
    return folder.parent


@pytest.fixture
def tokenizer(cache: Path) -> RowTokenizer:
    """That tokenizer."""
    return RowTokenizer(cache / "tokenizer")


@pytest.fixture
def make_run(cache: Path, tmp_path: Path) -> MakeRun:
    """Makes a run of a number of data files, each given by its rows; more keys of the config may be named."""

    def make(*data: Sequence[Row], kind: Any = None, limits: Mapping[str, Any] | None = None, **keys: Any) -> Run:
        manager = Manager()
        manager.register(ftk_formats.plugin, "formats")
        manager.register(TokenizerSource(), "source")
        folder = tmp_path / f"run-{len(list(tmp_path.glob('run-*')))}"
        folder.mkdir()
        datasets = []
        for number, rows in enumerate(data):
            name = f"data-{number}.jsonl"
            (folder / name).write_text("".join(json.dumps(row) + "\n" for row in rows))
            datasets.append({"path": name, "type": {} if kind is None else kind})
        values = complete({"datasets": datasets, **keys}, {"properties": ftk_formats.plugin.KEYS})
        blocks = {"data": complete({**(limits or {})}, ftk_formats.gate.BLOCK)}
        config = Config({**values, "ftk": {**blocks, "stages": {"prepare_model": "source"}}})
        backend: Any = None
        return Run(folder, Cache(cache), config, manager, backend)

    return make
