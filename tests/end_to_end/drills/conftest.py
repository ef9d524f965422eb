"""What a person sees at two in the morning when something is wrong, what they type next, and what they have lost.

A drill calls `ftk` with one thing wrong. It must end with the exit code of its kind, one clear line with the place and
what to do, no traceback, and nothing left behind.
"""

import os
import subprocess
import tempfile
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import AbstractContextManager, contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path

import pytest

from ftk.files import sha256
from ftk.testing.calls import PATIENCE, Ftk

NOBODY = "http://127.0.0.1:1"
"""An address at which nobody listens."""

TOY = Path(__file__).parent.parent.parent / "toy_plugin"

ROWS = "".join(f'{{"question": "what is {n} and {n}?", "answer": "{2 * n}"}}\n' for n in range(8))

FIELDS = """\
datasets:
  - path: data.jsonl
    type: {field_instruction: question, field_output: answer}
"""

CONFIG = f"base_model: org/name\n{FIELDS}"

Content = str | bytes | None
"""What a file holds; None for a folder."""


def tree(folder: Path) -> dict[str, str]:
    """All that lies below a folder, by its path, with the digests of files; locks, which hold nothing, left out."""
    found = {item.relative_to(folder).as_posix(): item for item in folder.rglob("*") if ".lock" not in item.name}
    return {path: sha256(item) if item.is_file() else "" for path, item in found.items()}


@dataclass
class Drill:
    """Calls ftk's command line in this process, in a folder of its own.

    :param folder: the current folder; runs, cache and temporary files lie in it too.
    """

    folder: Path
    type_in: Callable[[tuple[str, ...]], tuple[int, str, str]]

    def write(self, files: Mapping[str, Content]) -> None:
        """Write these files into the folder."""
        for name, content in files.items():
            path = self.folder / name
            if content is None:
                path.mkdir(parents=True)
                continue
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_bytes(content if isinstance(content, bytes) else content.encode())

    def refused(self, *arguments: str, says: str, remedy: str = "", lines: int = 1) -> None:
        """Call ftk, which must refuse this and leave everything as it was.

        :param says: how the first line goes on after `error: `, without the folder's name: place, and what is wrong.
        :param remedy: part of what it says to do.
        :param lines: how many it may print.
        """
        before = tree(self.folder)
        code, output, errors = self.type_in(arguments)
        errors = errors.replace(f"{self.folder}/", "")
        assert (code, output) == (2, ""), errors
        assert errors.startswith(f"error: {says}"), errors
        assert remedy in errors, errors
        assert len(errors.splitlines()) <= lines, errors
        assert tree(self.folder) == before


@pytest.fixture
def drill(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Drill:
    """Calls ftk in this process, in a folder with a good config and good data."""
    from ftk.cli import main

    for name in os.environ:
        if name.startswith("FTK_"):
            monkeypatch.delenv(name)
    (tmp_path / "tmp").mkdir()
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("FTK_CACHE_DIR", str(tmp_path / "cache"))
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path / "tmp"))

    def type_in(arguments: tuple[str, ...]) -> tuple[int, str, str]:
        monkeypatch.setattr("sys.argv", ["ftk", *arguments])
        with pytest.raises(SystemExit) as end:
            main()
        output = capsys.readouterr()
        return int(end.value.code or 0), output.out, output.err

    made = Drill(tmp_path, type_in)
    made.write({"c.yml": CONFIG, "data.jsonl": ROWS})
    return made


@pytest.fixture
def config() -> str:
    """A good config in four lines, for a model of the hub."""
    return CONFIG


@pytest.fixture
def rows() -> str:
    """Eight good rows."""
    return ROWS


@pytest.fixture
def tokenizer_files(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> dict[str, bytes]:
    """The files of a tokenizer of characters."""
    monkeypatch.syspath_prepend(TOY)
    from ftk_toy import model

    model.write(tmp_path / "tokenizer")
    return {path.name: path.read_bytes() for path in (tmp_path / "tokenizer").glob("tokenizer*")}


@pytest.fixture
def offline(ftk: Ftk, tmp_path: Path) -> Ftk:
    """Calls the real `ftk` where no hub and no package index can be reached, with its own temporary files."""
    (tmp_path / "tmp").mkdir()
    ftk.variables |= {
        "TMPDIR": str(tmp_path / "tmp"),
        "HF_ENDPOINT": NOBODY,
        "HF_HOME": str(tmp_path / "hub"),
        "PIP_INDEX_URL": f"{NOBODY}/simple",
        "PIP_CONFIG_FILE": os.devnull,
        "PIP_RETRIES": "1",
    }
    return ftk


@dataclass(frozen=True)
class Disk:
    """A disk of its own in memory, which can be filled, or be made such that nobody can write to it."""

    folder: Path

    def fill(self) -> None:
        """Write until nothing fits any more."""
        with suppress(OSError), (self.folder / "filler").open("wb", buffering=0) as stream:
            while True:
                stream.write(bytes(4096))

    def clear(self) -> None:
        """Remove what filled it."""
        (self.folder / "filler").unlink()

    def remount(self, option: str) -> None:
        """Change it: `ro`, `rw` or `size=8m`; wait for whoever has just ended and still has a file open."""
        end = time.monotonic() + PATIENCE
        while subprocess.run(["mount", "-o", f"remount,{option}", self.folder]).returncode:
            assert time.monotonic() < end, f"the disk stays as it is, not {option}"
            time.sleep(0.1)


@contextmanager
def mounted(folder: Path, size: str) -> Iterator[Disk]:
    """A disk of this size at a folder, for as long as it is needed."""
    folder.mkdir()
    try:
        subprocess.run(["mount", "-t", "tmpfs", "-o", f"size={size}", "none", folder], check=True, capture_output=True)
    except (OSError, subprocess.CalledProcessError) as error:
        pytest.skip(f"a disk can only be mounted by root: {getattr(error, 'stderr', error)!r}")
    try:
        yield Disk(folder)
    finally:
        subprocess.run(["umount", "--lazy", folder], check=True)


@pytest.fixture
def disk(tmp_path: Path) -> Iterator[Disk]:
    """A disk of a megabyte."""
    with mounted(tmp_path / "disk", "1m") as made:
        yield made


@pytest.fixture(scope="session")
def mount() -> Callable[[Path, str], AbstractContextManager[Disk]]:
    """Mounts a disk of a size, such as `4m`, at a folder."""
    return mounted


@pytest.fixture
def rubbish(tmp_path: Path) -> Callable[[], list[str]]:
    """Names what is half-written or temporary below the test's folder."""
    return lambda: sorted(
        path for path in tree(tmp_path) if ".partial" in path or (path.startswith("tmp/") and "/" not in path[4:])
    )
