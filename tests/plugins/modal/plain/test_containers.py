"""Containers: what they find, how they end."""

import modal
import pytest

pytestmark = pytest.mark.usefixtures("client")


@pytest.mark.slow
def test_a_module_that_cannot_be_imported_fails_the_call(run, tmp_path):
    app = "import modal\napp = modal.App('broken', image=modal.Image.debian_slim())\n"
    inside = "if not modal.is_local():\n    import no_such_module\n"
    (tmp_path / "broken.py").write_text(f"{app}{inside}@app.function()\ndef never():\n    pass\n")
    run("modal", "deploy", tmp_path / "broken.py")
    with pytest.raises(ModuleNotFoundError, match="no_such_module"):
        modal.Function.from_name("broken", "never").remote()


def test_a_volume_is_reloaded_only_while_none_of_its_files_is_open(deployed):
    reload = modal.Function.from_name(deployed, "reload")
    reload.remote(holding=False)
    with pytest.raises(RuntimeError, match="open files"):
        reload.remote(holding=True)


def test_a_container_that_is_stopped_commits_its_volumes(deployed, standin, until, run):
    call = modal.Function.from_name(deployed, "count_attempts").spawn("stopped", 9, seconds=600)
    until(lambda: "attempt in" in standin.output(call.object_id))
    (container,) = [one["id"] for one in standin.containers("count_attempts") if one["inputs"]]

    def commits() -> int:
        return sum(one.caller == container for one in standin.requests("VolumeCommit"))

    before = commits()
    run("modal", "container", "stop", container, "--yes")
    until(lambda: container not in [one["id"] for one in standin.containers()])
    assert commits() == before + 1
    call.cancel(terminate_containers=True)


def test_a_generator_gives_its_values_as_they_come(deployed):
    assert list(modal.Function.from_name(deployed, "count_up").remote_gen(3)) == [0, 1, 2]
