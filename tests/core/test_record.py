"""A run seen from outside."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from ftk.errors import FtkError, UsageError
from ftk.home import Home
from ftk.runs.record import RunRecord


@pytest.fixture
def record(place: Any, tmp_path: Path) -> RunRecord:
    """A run without files."""
    (tmp_path / "runs/r/stages").mkdir(parents=True)
    return RunRecord(place.backend("local", Home(tmp_path / "runs", tmp_path / "cache")), "r")


def _told(tmp_path: Path, path: str, content: bytes, read: Callable[[], Any]) -> FtkError:
    """What is told of a file of the run with this content; the place is left out."""
    place = tmp_path / "runs/r" / path
    place.write_bytes(content)
    with pytest.raises(FtkError) as caught:
        read()
    assert caught.value.message.startswith(str(place))
    caught.value.message = caught.value.message.removeprefix(str(place))
    return caught.value


@pytest.mark.parametrize("content", [b"", b'{"scores": ', b"\xff\xfe\xff"])
def test_a_damaged_file_is_told(record: RunRecord, tmp_path: Path, content: bytes) -> None:
    assert _told(tmp_path, "summary.json", content, record.summary).message == " is damaged"


@pytest.mark.parametrize("content", [b"", b"{", b"[]", b'{"inputs": {}}'])
def test_a_damaged_manifest_is_told(record: RunRecord, tmp_path: Path, content: bytes) -> None:
    assert _told(tmp_path, "stages/train.json", content, record.manifests).message == " is damaged"


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (b"", " is damaged"),
        (b"\xff\xfe\xff", " is damaged"),
        (b"base_model: x\nftk:\n", " is damaged"),
        (b"base_model: x\nftk:\n  engine: toy\n", " is damaged"),
        (b"a: 1\nb: [", ":2: is no YAML: "),
    ],
)
def test_a_damaged_config_is_told(record: RunRecord, tmp_path: Path, content: bytes, message: str) -> None:
    told = _told(tmp_path, "resolved.yml", content, record.config)
    assert told.message.startswith(message)
    assert told.remedy or "; check the indentation" in told.message


def test_a_plugin_file_that_is_gone_is_told(record: RunRecord, tmp_path: Path) -> None:
    block = "ftk: {backend: local, engine: toy, stages: {}, plugins: [plugins/x.py]}"
    (tmp_path / "runs/r/resolved.yml").write_text(block)
    with pytest.raises(UsageError, match=r"runs/r/plugins/x\.py is gone\n"):
        record.plugin_files()
