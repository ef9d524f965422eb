"""Views of a volume: who sees what after which commit and reload."""

import shutil

import pytest
from standin.views import View


@pytest.fixture
def volume(tmp_path):
    folder = tmp_path / "volume"
    (folder / "folder").mkdir(parents=True)
    (folder / "folder" / "file").write_text("first")
    return folder


@pytest.fixture
def make(volume, tmp_path):
    return lambda name: View(volume, tmp_path / "views" / name)


def contents(folder):
    return {str(path.relative_to(folder)): path.read_text() for path in folder.rglob("*") if path.is_file()}


def test_changes_of_two_are_both_kept(volume, make):
    one, other = make("one"), make("other")
    (one.folder / "new").write_text("of one")
    replace(other.folder / "folder" / "file", "of other")
    one.commit()
    other.commit()
    assert contents(volume) == {"new": "of one", "folder/file": "of other"}
    one.commit()  # has not changed the file, so it does not put back what it sees
    assert contents(volume) == {"new": "of one", "folder/file": "of other"}
    one.reload()
    assert contents(one.folder) == contents(volume)


def test_what_is_appended_is_seen_after_a_commit(volume, make):
    one, other = make("one"), make("other")
    with (one.folder / "folder" / "file").open("a") as file:
        file.write(" and more")
    assert contents(volume) == {"folder/file": "first"}
    one.commit()
    assert contents(volume) == {"folder/file": "first and more"}
    assert contents(other.folder) == {"folder/file": "first"}
    other.reload()
    assert contents(other.folder) == {"folder/file": "first and more"}


def test_a_large_file_is_not_copied(volume, make):
    one, other = make("one"), make("other")
    (one.folder / "large").write_bytes(bytes(2 << 20))
    one.commit()
    other.reload()
    assert (other.folder / "large").samefile(one.folder / "large")


def test_the_last_who_commits_a_file_wins(volume, make):
    one, other = make("one"), make("other")
    replace(one.folder / "folder" / "file", "of one")
    replace(other.folder / "folder" / "file", "of other")
    other.commit()
    one.commit()
    assert contents(volume) == {"folder/file": "of one"}


def test_what_one_removes_is_gone_but_not_what_another_has_put_beside_it(volume, make):
    one, other = make("one"), make("other")
    shutil.rmtree(one.folder / "folder")
    (other.folder / "folder" / "beside").write_text("of other")
    other.commit()
    one.commit()
    assert contents(volume) == {"folder/beside": "of other"}
    other.reload()
    assert contents(other.folder) == {"folder/beside": "of other"}


def test_a_folder_can_take_the_place_of_a_file_and_a_file_that_of_a_folder(volume, make):
    one, other = make("one"), make("other")
    shutil.rmtree(one.folder / "folder")
    (one.folder / "folder").write_text("a file")
    (one.folder / "link").symlink_to("folder")
    one.commit()
    other.reload()
    assert (other.folder / "link").readlink().name == "folder"
    assert contents(other.folder) == {"folder": "a file", "link": "a file"}
    (other.folder / "folder").unlink()
    (other.folder / "folder").mkdir()
    other.commit()
    assert (volume / "folder").is_dir()


def replace(path, text):
    """Write as careful programs do."""
    part = path.with_suffix(".part")
    part.write_text(text)
    part.rename(path)
