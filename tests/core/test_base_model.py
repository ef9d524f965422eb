"""What a run keeps of its base model, and who is asked for it."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from ftk.data.tokenizer import tokenizer_digest
from ftk.errors import UsageError
from ftk.hooks.manager import Manager
from ftk.plugin import Artifact, Cache, Config, FetchedModel, Run, files, hookimpl
from ftk.testing.tiny_model import write_tiny_model

TEMPLATE = {"chat_template_jinja": "{{ messages }}"}

Start = Callable[..., Run]


class Source:
    """A plugin that has a model, and counts how often it is asked.

    :param folder: the model's.
    """

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.asked = 0

    @hookimpl
    def fetch_model(self, run: Run) -> FetchedModel:
        self.asked += 1
        digest = files.sha256(self.folder)
        entry = run.cached("x", {"x": digest}, lambda target: files.copy_folder(self.folder, run.path(target)))
        return FetchedModel(entry, digest)

    @hookimpl
    def prepare_tokenizer(self, run: Run) -> Artifact:
        return run.fetch_model(tokenizer_only=True).path


@pytest.fixture
def source(tmp_path: Path) -> Source:
    return Source(write_tiny_model(tmp_path / "model"))


@pytest.fixture
def start(tmp_path: Path, source: Source) -> Start:
    """Starts a process of the one run, with these keys in its config."""
    manager = Manager()
    manager.register(source, "source")
    backend: Any = None

    def begin(**keys: Any) -> Run:
        values = {"base_model": "it", "ftk": {"stages": {"prepare_model": "source"}}, **TEMPLATE, **keys}
        return Run(tmp_path / "run", Cache(tmp_path / "cache"), Config(values), manager, backend)

    return begin


def change(source: Source) -> None:
    """Name another token as the end of a text."""
    files.write_json(source.folder / "tokenizer_config.json", {"eos_token": "a"})


def digest_of(run: Run) -> dict[str, str]:
    return tokenizer_digest(run.path(run.tokenizer()))


def test_a_process_asks_once(start: Start, source: Source) -> None:
    run = start()
    assert run.tokenizer() == run.tokenizer()
    assert run.fetch_model(tokenizer_only=True) == run.fetch_model(tokenizer_only=True)
    assert source.asked == 1


def test_what_no_stage_was_done_with_is_not_kept(start: Start, source: Source) -> None:
    before = digest_of(start())
    change(source)
    assert digest_of(start()) != before


def test_a_kept_tokenizer_stays_without_cache_and_source(start: Start, source: Source) -> None:
    run = start()
    before = run.tokenizer()
    run.base_model.keep()
    change(source)
    files.remove(run.cache.root)
    assert start().tokenizer() == before
    assert digest_of(start())
    assert source.asked == 1


def test_other_keys_make_another_tokenizer_and_leave_the_kept_one(start: Start, source: Source) -> None:
    run = start()
    before = run.tokenizer()
    run.base_model.keep()
    assert start(tokens=["<x>"]).tokenizer() != before
    assert start(tokens=None).tokenizer() == before
    assert source.asked == 1


def test_what_is_forgotten_is_taken_as_it_is_now(start: Start, source: Source) -> None:
    run = start()
    before = run.tokenizer()
    run.base_model.keep()
    change(source)
    run.base_model.forget(tokenizer=True)
    assert run.tokenizer() != before


def test_a_model_with_another_tokenizer_than_the_kept_one_is_refused(start: Start, source: Source) -> None:
    run = start()
    run.tokenizer()
    run.base_model.keep()
    run.base_model.refuse_other_tokenizer(start().fetch_model().path)
    change(source)
    with pytest.raises(UsageError, match="base_model it has another tokenizer than the data were staged with"):
        run.base_model.refuse_other_tokenizer(start().fetch_model().path)
