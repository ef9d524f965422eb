"""What a driver's container copies of a run, and what it only links to."""

from pathlib import Path

import pytest

from ftk import files
from ftk.plugin import FtkError
from ftk_modal import mirror, troubles
from ftk_modal.mirror import Mirror, is_linked, is_mirrored
from ftk_modal.volume import Entry

MB = 1 << 20


@pytest.mark.parametrize(
    ("path", "size", "linked"),
    [
        ("lora-out/merged/model.safetensors", 300 * MB, True),
        ("lora-out/trained.json", 2000, False),
        ("data.jsonl", 200 * MB, True),
        # What is appended to must not be open where the volume is mounted.
        ("logs.txt", 500 * MB, False),
        ("events/driver.jsonl", 100 * MB, False),
        ("metrics.jsonl", 30 * MB, False),
    ],
)
def test_large_files_are_links_unless_they_grow(path: str, size: int, linked: bool) -> None:
    assert is_linked(path, size) is linked


@pytest.mark.parametrize(
    ("path", "mirrored"),
    [
        ("last_run_prepared/train.parquet", True),
        ("last_run_prepared.partial/train.parquet", False),
        ("stages/train.json.partial", False),
        (".modal/driver.json", False),
    ],
)
def test_only_what_is_whole_is_sent(path: str, mirrored: bool) -> None:
    assert is_mirrored(path) is mirrored


class Shelf:
    """A volume that only remembers what is asked of it."""

    def __init__(self) -> None:
        self.content: dict[str, bytes] = {}
        self.sizes: dict[str, int] = {}
        self.removed: list[str] = []
        self.open_files = 0
        self.name = "runs"
        self.volume = self

    def reload(self) -> None:
        if self.open_files:
            self.open_files -= 1
            raise RuntimeError("there are open files preventing the operation")

    def entries(self, path: str, recursive: bool = False) -> list[Entry]:
        sizes = {**{name: len(content) for name, content in self.content.items()}, **self.sizes}
        return [Entry(name, False, size, 1) for name, size in sizes.items()]

    def read(self, path: str) -> bytes:
        return self.content[path]

    def write(self, content: dict[str, bytes]) -> None:
        self.content.update(content)

    def remove(self, path: str) -> None:
        self.removed.append(path)


@pytest.fixture
def shelf() -> Shelf:
    return Shelf()


@pytest.fixture
def here(shelf: Shelf, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Mirror:
    monkeypatch.setattr(mirror, "HERE", tmp_path / "runs")
    monkeypatch.setattr(mirror, "STATE", tmp_path / "state")
    (tmp_path / "state").mkdir()
    return Mirror(shelf, "r")  # type: ignore[arg-type]


def test_what_changes_is_sent_once_and_what_is_gone_is_removed(shelf: Shelf, here: Mirror) -> None:
    shelf.content = {"r/config.yml": b"x"}
    here.pull()
    assert (here.folder / "config.yml").read_bytes() == b"x"
    (here.folder / "stages").mkdir()
    (here.folder / "stages/train.json").write_bytes(b"{}")
    here.push()
    assert shelf.content["r/stages/train.json"] == b"{}"
    shelf.write = lambda content: pytest.fail(f"it sends {list(content)} again")  # type: ignore[method-assign]
    here.push()
    here.pull()
    here.push()
    (here.folder / "stages/train.json").unlink()
    (here.folder / "stages").rmdir()
    here.push()
    assert shelf.removed == ["r/stages"]


def test_a_manifest_is_removed_after_what_its_stage_wrote(shelf: Shelf, here: Mirror) -> None:
    shelf.content = {f"r/{path}": b"x" for path in ("stages/merge.json", "stages/train.json", "tuned/a", "lora-out/a")}
    here.pull()
    for path in ("stages/train.json", "tuned", "lora-out"):
        files.remove(here.folder / path)
    here.push()
    assert set(shelf.removed[:2]) == {"r/tuned", "r/lora-out"}
    assert shelf.removed[2:] == ["r/stages/train.json"]


def test_a_link_to_what_the_mounted_volume_does_not_show_yet_is_no_file_that_is_gone(
    shelf: Shelf, here: Mirror
) -> None:
    shelf.sizes = {"r/lora-out/model.safetensors": 9 << 20}
    here.pull()
    link = here.folder / "lora-out/model.safetensors"
    assert link.is_symlink()
    assert not link.exists()
    here.push()
    assert shelf.removed == []


def test_a_file_that_a_logger_has_open_for_long_is_waited_for(
    shelf: Shelf, here: Mirror, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(troubles, "PAUSE", 0.0)
    shelf.sizes = {"r/lora-out/model.safetensors": 9 << 20}
    shelf.open_files = 50
    here.pull()
    assert shelf.open_files == 0
    assert (here.folder / "lora-out/model.safetensors").is_symlink()


def test_the_lock_is_free_while_a_file_is_waited_for(
    shelf: Shelf, here: Mirror, monkeypatch: pytest.MonkeyPatch
) -> None:
    def meanwhile(pause: float) -> None:
        (here.folder / "metrics.jsonl").write_bytes(b"{}")
        here.push()

    monkeypatch.setattr(troubles.time, "sleep", meanwhile)
    shelf.content = {"r/config.yml": b"x"}
    here.pull()
    shelf.sizes = {"r/lora-out/model.safetensors": 9 << 20}
    shelf.open_files = 1
    here.pull()
    assert shelf.content["r/metrics.jsonl"] == b"{}"


def test_trouble_that_does_not_cease_is_told(monkeypatch: pytest.MonkeyPatch, shelf: Shelf, here: Mirror) -> None:
    monkeypatch.setattr(troubles, "PAUSE", 0.0)
    monkeypatch.setattr(troubles, "PATIENCE", 0.0)
    shelf.sizes = {"r/lora-out/model.safetensors": 9 << 20}
    shelf.open_files = 1_000_000_000
    with pytest.raises(FtkError, match="the volume runs cannot be brought up to date: there are open files"):
        here.pull()
