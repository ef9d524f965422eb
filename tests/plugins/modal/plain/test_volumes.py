"""Volumes of both versions, between containers, this process and Modal's own command."""

import io
import os

import modal
import pytest

pytestmark = pytest.mark.usefixtures("client")

SIZE = (20 << 20) + 5


@pytest.mark.parametrize(("name", "version"), [("v1", 1), ("v2", 2)])
def test_files_come_and_go(standin, name, version, tmp_path):
    volume = modal.Volume.from_name(name, create_if_missing=True, version=version)
    content = os.urandom(SIZE)
    (tmp_path / "large").write_bytes(content)
    with volume.batch_upload() as batch:
        batch.put_file(tmp_path / "large", "/a/large")
        batch.put_file(tmp_path / "large", "/a/again")
    assert [(entry.path, entry.size) for entry in volume.listdir("a")] == [("a/again", SIZE), ("a/large", SIZE)]
    assert b"".join(volume.read_file("a/large")) == content
    assert (standin.volume(name) / "a/again").read_bytes() == content
    volume.copy_files(["a/large"], "b/copy")
    volume.remove_file("a", recursive=True)
    assert [entry.path for entry in volume.listdir("/", recursive=True)] == ["b", "b/copy"]
    with pytest.raises(FileNotFoundError):
        b"".join(volume.read_file("a/large"))


def test_only_missing_blocks_are_sent(standin, tmp_path):
    volume = modal.Volume.from_name("blocks", create_if_missing=True, version=2)

    def upload(content: bytes, place: str) -> int:
        (tmp_path / "data").write_bytes(content)
        before = standin.sent()
        with volume.batch_upload(force=True) as batch:
            batch.put_file(tmp_path / "data", place)
        return standin.sent() - before

    content = os.urandom(SIZE)
    assert upload(content, "one") > SIZE
    sent = [(one.caller, one.size) for one in standin.requests("PUT /blocks")[-3:]]
    assert sorted(sent) == [("client", SIZE % (8 << 20)), ("client", 8 << 20), ("client", 8 << 20)]
    assert upload(content, "one") < 100_000
    assert upload(content[:-1] + b"!", "two") < SIZE % (8 << 20) + 100_000
    assert (standin.volume("blocks") / "two").read_bytes() == content[:-1] + b"!"


def test_what_containers_write_is_committed_and_read_by_the_client(deployed, standin):
    before = len(standin.requests("VolumeCommit"))
    modal.Function.from_name(deployed, "write").remote("written", 1000)
    assert len(standin.requests("VolumeCommit")) >= before + 2
    for name in ("shelf", "old-shelf"):
        assert len(b"".join(modal.Volume.from_name(name).read_file("written"))) == 1000


@pytest.mark.slow
def test_the_command_of_modal(run, tmp_path):
    (tmp_path / "file").write_text("content")
    run("modal", "volume", "create", "by-command", "--version", "2")
    run("modal", "volume", "put", "by-command", tmp_path / "file", "folder/file")
    assert "folder/file" in run("modal", "volume", "ls", "by-command", "folder")
    run("modal", "volume", "get", "by-command", "folder/file", tmp_path / "back")
    assert (tmp_path / "back").read_text() == "content"


def test_a_container_sees_what_others_commit_after_a_reload(deployed, standin):
    """One container stays between the two calls; others write, replace and remove."""
    volume = modal.Volume.from_name("shelf")
    look = modal.Cls.from_name(deployed, "Looker")().look

    def put(name: str, content: bytes) -> None:
        with volume.batch_upload(force=True) as batch:
            batch.put_file(io.BytesIO(content), f"seen/{name}")

    put("kept", b"1")
    put("removed", b"1")
    assert look.remote("seen", reloads=True) == {"kept": "1", "removed": "1"}
    put("kept", b"2")
    put("new", b"1")
    volume.remove_file("seen/removed")
    assert look.remote("seen", reloads=False) == {"kept": "1", "removed": "1"}
    assert look.remote("seen", reloads=True) == {"kept": "2", "new": "1"}


def test_what_a_container_writes_is_seen_after_a_commit(deployed, standin):
    write = modal.Cls.from_name(deployed, "Looker")().write
    with standin.without_background_commits():
        write.remote("unseen", commits=False)
        assert not (standin.volume("shelf") / "unseen").exists()
        write.remote("also", commits=True)
    assert (standin.volume("shelf") / "unseen").exists()
