"""A run seen from outside."""

from pathlib import Path
from typing import Any

import pytest

from ftk.errors import FtkError
from ftk.home import Home
from ftk.runs.record import RunRecord


@pytest.mark.parametrize("content", [b"", b'{"scores": ', b"\xff\xfe\xff"])
def test_a_damaged_file_is_told(place: Any, tmp_path: Path, content: bytes) -> None:
    (tmp_path / "runs/r").mkdir(parents=True)
    (tmp_path / "runs/r/summary.json").write_bytes(content)
    record = RunRecord(place.backend("local", Home(tmp_path / "runs", tmp_path / "cache")), "r")
    with pytest.raises(FtkError) as caught:
        record.summary()
    assert caught.value.message == f"{tmp_path}/runs/r/summary.json is damaged"
