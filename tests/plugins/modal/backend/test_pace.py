"""Files that grow are fetched as often as their size allows, and whole at the end."""

from pathlib import Path

import pytest

from ftk import files
from ftk_modal import calls, mirror, pace, reading
from ftk_modal.volume import Entry

EVENTS = "events/train.jsonl"


class Shelf:
    """A volume with one file, which counts how often that is fetched."""

    def __init__(self) -> None:
        self.content = b"first "
        self.fetched = 0

    def entries(self, path: str, recursive: bool = False) -> list[Entry]:
        return [Entry(f"r/{EVENTS}", False, len(self.content), 1)]

    def read(self, path: str) -> bytes:
        self.fetched += 1
        return self.content


@pytest.fixture
def shelf(monkeypatch: pytest.MonkeyPatch) -> Shelf:
    monkeypatch.setattr(reading, "FRESH", -1.0)
    return Shelf()


def test_a_client_fetches_a_large_file_now_and_then(shelf: Shelf, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(pace, "RATE", 1e12)
    reader = reading.Reader(shelf)  # type: ignore[arg-type]
    assert reader.open(f"r/{EVENTS}").read() == b"first "
    shelf.content += b"second "
    assert reader.open(f"r/{EVENTS}").read() == b"first second "  # a small one, each time
    monkeypatch.setattr(pace, "RATE", 1e-3)
    shelf.content += b"third "
    for _ in range(3):
        reader.open(f"r/{EVENTS}")
        shelf.content += b"."
    assert shelf.fetched == 3
    reader.forget()
    assert reader.open(f"r/{EVENTS}").read() == b"first second third ..."


def test_a_driver_fetches_a_large_file_now_and_then(
    shelf: Shelf, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(mirror, "HERE", tmp_path / "runs")
    monkeypatch.setattr(mirror, "STATE", tmp_path / "state")
    files.make_folder(tmp_path / "state")
    monkeypatch.setattr(pace, "RATE", 1e-3)
    work = calls.Work((), {}, None, EVENTS, None, ())
    here = mirror.Mirror(shelf, "r")  # type: ignore[arg-type]
    watch = calls._Watch(here, work, EVENTS)
    for _ in range(3):
        watch.look()
        shelf.content += b"."
    assert shelf.fetched == 1
    watch.end()
    assert (here.folder / EVENTS).read_bytes() == b"first ..."
