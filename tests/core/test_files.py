"""Writes that leave a file or folder whole, old or absent."""

import io
import resource
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from ftk import files
from ftk.errors import FtkError

Write = Callable[[Path, Path], None]

WRITES: dict[str, Write] = {
    "write_bytes": lambda source, target: files.write_bytes(target, source.read_bytes()),
    "write_text": lambda source, target: files.write_text(target, source.read_text()),
    "copy_file": files.copy_file,
    "write_stream": lambda source, target: files.write_stream(target, io.BytesIO(source.read_bytes())),
}


def names(folder: Path) -> list[str]:
    """What lies in a folder."""
    return sorted(item.name for item in folder.iterdir())


@pytest.mark.parametrize("write", WRITES.values(), ids=WRITES)
def test_a_write_makes_folders_replaces_what_was_there_and_leaves_nothing_else(write: Write, tmp_path: Path) -> None:
    source, target = tmp_path / "source", tmp_path / "deep" / "er" / "file"
    for content in ("first", "ä\n"):
        source.write_text(content)
        write(source, target)
        assert target.read_text() == content
        assert names(target.parent) == ["file"]


@pytest.mark.parametrize("write", WRITES.values(), ids=WRITES)
def test_a_write_that_is_cut_short_leaves_the_old_file(
    write: Write, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def cut(self: Path, target: Path) -> Path:
        raise KeyboardInterrupt

    source, target = tmp_path / "source", tmp_path / "file"
    source.write_text("new")
    target.write_text("old")
    monkeypatch.setattr(Path, "replace", cut)
    with pytest.raises(KeyboardInterrupt):
        write(source, target)
    assert target.read_text() == "old"


def test_bytes_are_on_the_disk_before_they_have_their_name(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    target = tmp_path / "file"
    synced = []
    monkeypatch.setattr(files.os, "fsync", lambda descriptor: synced.append(target.exists()))
    files.write_bytes(target, b"x")
    assert synced == [False]


def test_json_is_read_back(tmp_path: Path) -> None:
    value = {"b": [1, None, 2.5], "a": "ä"}
    files.write_json(tmp_path / "x.json", value)
    assert files.read_json(tmp_path / "x.json") == value
    assert "ä" in (tmp_path / "x.json").read_text()


def test_an_absent_json_file_is_none_and_a_damaged_one_is_told(tmp_path: Path) -> None:
    assert files.read_json(tmp_path / "absent.json") is None
    (tmp_path / "x.json").write_text('{"a": ')
    with pytest.raises(FtkError, match=r"x\.json is damaged"):
        files.read_json(tmp_path / "x.json")


def test_a_new_folder_appears_only_when_it_is_finished(tmp_path: Path) -> None:
    with files.new_folder(tmp_path / "a" / "b") as folder:
        (folder / "file").write_text("x")
        assert not (tmp_path / "a" / "b").exists()
    assert names(tmp_path / "a") == ["b"]
    assert names(tmp_path / "a" / "b") == ["file"]


@pytest.mark.parametrize("error", [ValueError, KeyboardInterrupt])
def test_a_folder_that_fails_leaves_nothing(tmp_path: Path, error: type[BaseException]) -> None:
    with pytest.raises(error), files.new_folder(tmp_path / "folder") as folder:
        (folder / "file").write_text("x")
        raise error
    assert names(tmp_path) == []


def test_a_folder_that_fails_leaves_the_finished_one(tmp_path: Path) -> None:
    with files.new_folder(tmp_path / "folder") as folder:
        (folder / "old").write_text("x")
    with pytest.raises(ValueError), files.new_folder(tmp_path / "folder") as folder:
        raise ValueError
    assert names(tmp_path / "folder") == ["old"]


def test_a_new_folder_replaces_the_finished_one_and_what_a_killed_attempt_left(tmp_path: Path) -> None:
    (tmp_path / "folder").mkdir()
    (tmp_path / "folder" / "old").write_text("x")
    (tmp_path / "folder.partial").mkdir()
    (tmp_path / "folder.partial" / "rubbish").write_text("x")
    with files.new_folder(tmp_path / "folder") as folder:
        (folder / "new").write_text("x")
    assert names(tmp_path) == ["folder"]
    assert names(tmp_path / "folder") == ["new"]


def test_a_linked_file_has_the_same_content_also_where_something_stood(tmp_path: Path) -> None:
    source, target = tmp_path / "source", tmp_path / "deep" / "target"
    source.write_text("one")
    files.link_file(source, target)
    assert target.samefile(source)
    other = tmp_path / "other"
    other.write_text("two")
    files.link_file(other, target)
    assert (target.read_text(), source.read_text()) == ("two", "one")


def test_a_link_to_a_link_names_the_file_itself(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("x")
    (tmp_path / "link").symlink_to("file")
    files.link_file(tmp_path / "link", tmp_path / "second")
    assert not (tmp_path / "second").is_symlink()


def test_anything_is_removed_but_not_what_a_link_points_to(tmp_path: Path) -> None:
    (tmp_path / "folder").mkdir()
    (tmp_path / "folder" / "file").write_text("x")
    (tmp_path / "link").symlink_to("folder")
    for name in ("link", "absent"):
        files.remove(tmp_path / name)
    assert names(tmp_path) == ["folder"]
    assert names(tmp_path / "folder") == ["file"]
    files.remove(tmp_path / "folder")
    assert names(tmp_path) == []


REMOVE_AS_NOBODY = """
import os, sys
from pathlib import Path
from ftk import files
os.chdir(sys.argv[1])
if os.geteuid() == 0:
    os.seteuid(65534)
files.remove(Path("folder"))
"""


def test_a_removal_that_is_refused_is_an_error(tmp_path: Path) -> None:
    folder = files.make_folder(tmp_path / "folder")
    (folder / "file").touch()
    folder.chmod(0o555)
    tmp_path.chmod(0o755)
    argv = [sys.executable, "-c", REMOVE_AS_NOBODY, str(tmp_path)]
    done = subprocess.run(argv, capture_output=True, text=True)
    folder.chmod(0o755)
    assert done.stderr.splitlines()[-1] == "PermissionError: [Errno 13] Permission denied: 'file'"
    assert names(folder) == ["file"]


def test_a_lock_is_held_by_one_process_at_a_time(tmp_path: Path) -> None:
    count = tmp_path / "count"
    count.write_text("0")
    script = (
        "import sys, time; from pathlib import Path; from ftk.files import locked\n"
        "for _ in range(20):\n"
        "    with locked(Path(sys.argv[1], 'locks', 'x.lock')):\n"
        "        count = Path(sys.argv[1], 'count'); number = int(count.read_text())\n"
        "        time.sleep(0.001); count.write_text(str(number + 1))\n"
    )
    processes = [subprocess.Popen([sys.executable, "-c", script, str(tmp_path)]) for _ in range(3)]
    assert [process.wait(60) for process in processes] == [0, 0, 0]
    assert count.read_text() == "60"


def test_a_lock_is_free_after_an_error(tmp_path: Path) -> None:
    with pytest.raises(ValueError), files.locked(tmp_path / "x.lock"):
        raise ValueError
    with files.locked(tmp_path / "x.lock"):
        pass


@pytest.mark.parametrize("closed", [(), (0,), (0, 1, 2)])
def test_a_lock_is_none_of_the_standard_streams(tmp_path: Path, closed: tuple[int, ...]) -> None:
    script = (
        "import os, sys; from pathlib import Path; from ftk.files import locked\n"
        f"for number in {closed}:\n"
        "    os.close(number)\n"
        "with locked(Path(sys.argv[1])) as descriptor:\n"
        "    sys.exit(descriptor < 3)\n"
    )
    assert subprocess.run([sys.executable, "-c", script, str(tmp_path / "x.lock")]).returncode == 0


def test_the_hash_of_a_value_does_not_depend_on_the_order_of_keys() -> None:
    assert files.sha256_of({"a": 1, "b": [1, 2]}) == files.sha256_of({"b": [1, 2], "a": 1})
    assert files.sha256_of({"a": [1, 2]}) != files.sha256_of({"a": [2, 1]})


def test_the_hash_of_a_file_is_the_usual_one(tmp_path: Path) -> None:
    (tmp_path / "file").write_bytes(b"abc")
    assert files.sha256(tmp_path / "file").startswith("ba7816bf8f01cfea414140de5dae2223")


def test_the_hash_of_a_folder_is_that_of_its_names_and_contents(tmp_path: Path) -> None:
    def folder(name: str, content: dict[str, str]) -> str:
        for path, text in content.items():
            files.write_text(tmp_path / name / path, text)
        return files.sha256(tmp_path / name)

    first = folder("1", {"a": "x", "sub/b": "y"})
    assert folder("2", {"sub/b": "y", "a": "x"}) == first
    others = [{"a": "x", "sub/b": "z"}, {"a": "x", "b": "y"}, {"a": "y", "sub/b": "x"}, {"a": "x"}]
    assert len({first, *(folder(f"other{number}", content) for number, content in enumerate(others))}) == 5


def test_a_discarded_folder_is_gone(tmp_path: Path) -> None:
    folder = files.make_folder(tmp_path / "a")
    (folder / "x").write_text("1")
    (tmp_path / f"a{files.PARTIAL}").mkdir()
    files.discard(folder)
    assert list(tmp_path.iterdir()) == []


def test_what_is_not_there_is_discarded_too_with_what_was_left_of_it(tmp_path: Path) -> None:
    files.make_folder(tmp_path / f"a{files.PARTIAL}")
    files.discard(tmp_path / "a")
    assert list(tmp_path.iterdir()) == []


def test_a_file_that_the_system_takes_a_part_of_is_an_error(tmp_path: Path) -> None:
    _, most = limits = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (1 << 20, most))  # as a disk that is full then
    try:
        with pytest.raises(OSError, match="too large"), files.new_file(tmp_path / "a") as stream:
            stream.write(bytes((1 << 20) + 1))
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, limits)
    assert list(tmp_path.iterdir()) == []


def test_a_folder_is_never_discarded_half(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    folder = files.make_folder(tmp_path / "a")
    (folder / "x").write_text("1")
    monkeypatch.setattr("ftk.files.shutil.rmtree", lambda path: 1 / 0)
    with pytest.raises(ZeroDivisionError):
        files.discard(folder)
    assert [item.name for item in tmp_path.iterdir()] == [f"a{files.PARTIAL}"]


def test_json_lines_end_at_line_feeds_alone(tmp_path: Path) -> None:
    path = tmp_path / "lines.jsonl"
    path.write_text('{"text": "a\u2028b\u2029c\x85d"}\r\n\n"last"', encoding="utf-8")
    assert files.read_json_lines(path) == [{"text": "a\u2028b\u2029c\x85d"}, "last"]
