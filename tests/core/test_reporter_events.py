"""Events: written one line each, and read as they come."""

import json
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any, BinaryIO

import pytest

from ftk.reporter import EVENTS_VARIABLE, Reporter, append_line
from ftk.runs.events import Event, EventReader, parse_events


class Folder:
    """The part of a backend that a reader of events needs."""

    def __init__(self, root: Path) -> None:
        self.root = root

    def list(self, run_id: str, path: str) -> Sequence[str]:
        folder = self.root / run_id / path
        return sorted(item.name for item in folder.iterdir()) if folder.is_dir() else []

    def open(self, run_id: str, path: str) -> BinaryIO:
        return (self.root / run_id / path).open("rb")


@pytest.fixture
def events(tmp_path: Path) -> Path:
    """The events folder of the run `r`."""
    folder = tmp_path / "r" / "events"
    folder.mkdir(parents=True)
    return folder


@pytest.fixture
def reader(tmp_path: Path) -> EventReader:
    """Reads the events of the run `r`."""
    folder: Any = Folder(tmp_path)
    return EventReader(folder, "r")


def numbers(events: Sequence[Event]) -> list[Any]:
    """The field `number` of events."""
    return [event["number"] for event in events]


def line(time: float, number: int) -> str:
    """An event as its file has it."""
    return json.dumps({"time": time, "kind": "x", "number": number})


def test_an_event_comes_back_as_it_was_reported(events: Path, reader: EventReader) -> None:
    Reporter(events / "driver.jsonl").emit("metrics", loss=1.5, text="ä\nb")
    [event] = reader.new()
    assert (event.kind, event.fields) == ("metrics", {"loss": 1.5, "text": "ä\nb"})
    assert event.time > 1e9


def test_a_notice_is_an_event(events: Path, reader: EventReader) -> None:
    Reporter(events / "driver.jsonl").notice("look")
    [event] = reader.new()
    assert (event.kind, event.fields) == ("notice", {"message": "look"})


def test_a_command_finds_its_file_in_the_environment(events: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(EVENTS_VARIABLE, str(events / "train-1.jsonl"))
    Reporter.from_environment().emit("x")
    assert len((events / "train-1.jsonl").read_text().splitlines()) == 1


def test_a_command_that_was_started_by_hand_reports_to_nobody(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv(EVENTS_VARIABLE, raising=False)
    reporter = Reporter.from_environment()
    assert reporter.path is None
    reporter.emit("x")


def test_a_reader_gives_each_event_once(events: Path, reader: EventReader) -> None:
    reporter = Reporter(events / "driver.jsonl")
    assert reader.new() == []
    reporter.emit("x", number=1)
    reporter.emit("x", number=2)
    assert numbers(reader.new()) == [1, 2]
    assert reader.new() == []
    reporter.emit("x", number=3)
    Reporter(events / "train-1.jsonl").emit("x", number=4)
    assert numbers(reader.new()) == [3, 4]


def test_a_run_without_events_has_none(reader: EventReader) -> None:
    assert reader.new() == []


def test_the_files_of_many_writers_are_merged_by_time(events: Path, reader: EventReader) -> None:
    (events / "a.jsonl").write_text(f"{line(1, 1)}\n{line(4, 4)}\n")
    (events / "b.jsonl").write_text(f"{line(2, 2)}\n{line(3, 3)}\n")
    assert numbers(reader.new()) == [1, 2, 3, 4]


def test_a_line_that_is_still_being_written_is_read_when_it_is_whole(events: Path, reader: EventReader) -> None:
    path = events / "driver.jsonl"
    whole = line(2, 2)
    path.write_text(f"{line(1, 1)}\n{whole[:7]}")
    assert numbers(reader.new()) == [1]
    path.write_text(f"{line(1, 1)}\n{whole}\n")
    assert numbers(reader.new()) == [2]


def test_a_torn_line_is_closed_by_the_next_writer_and_passed_over(events: Path, reader: EventReader) -> None:
    path = events / "driver.jsonl"
    path.write_text(f"{line(1, 1)}\n{line(2, 2)[:7]}")
    assert numbers(reader.new()) == [1]
    append_line(path, line(3, 3))
    append_line(path, line(4, 4))
    assert path.read_text().splitlines() == [line(1, 1), line(2, 2)[:7], line(3, 3), line(4, 4)]
    assert numbers(reader.new()) == [3, 4]


@pytest.mark.parametrize("bad", [b"{", b"[1]", b"3", b'{"time": 1}', b'{"kind": "x"}', b"\xff", b""])
def test_what_is_no_event_is_passed_over(bad: bytes) -> None:
    assert numbers(list(parse_events(bad + b"\n" + line(1, 1).encode() + b"\n"))) == [1]


def test_writers_of_one_file_do_not_tear_each_others_lines(events: Path, reader: EventReader) -> None:
    script = (
        "import sys; from pathlib import Path; from ftk.reporter import Reporter\n"
        "for number in range(200): Reporter(Path(sys.argv[1])).emit('x', number=number, text='y' * 3000)\n"
    )
    argv = [sys.executable, "-c", script, str(events / "driver.jsonl")]
    processes = [subprocess.Popen(argv) for _ in range(3)]
    assert [process.wait(60) for process in processes] == [0, 0, 0]
    assert sorted(numbers(reader.new())) == sorted([*range(200)] * 3)
