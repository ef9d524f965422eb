"""What a stage leaves behind."""

from pathlib import Path

import pytest

from ftk import files
from ftk.errors import FtkError
from ftk.runs.manifest import Manifest


def test_a_manifest_comes_back_as_it_was_written(tmp_path: Path) -> None:
    manifest = Manifest("train", {"provider": "x", "config lora_r": 8}, {"steps": 3}, 1.5, "inherit", {"out/x.json": 1})
    manifest.write(tmp_path / "stages")
    values = files.read_json(tmp_path / "stages" / "train.json")
    assert Manifest.parse("train", values, "train.json") == manifest
    assert (values["stage"], values["digest"]) == ("train", manifest.digest)


def test_a_stage_that_has_only_begun_has_no_result(tmp_path: Path) -> None:
    Manifest("train", {"a": 1}).write(tmp_path)
    assert Manifest.parse("train", files.read_json(tmp_path / "train.json"), "train.json").result is None


def test_the_digest_is_that_of_the_inputs_alone() -> None:
    digest = Manifest("train", {"a": 1, "b": 2}).digest
    assert Manifest("train", {"b": 2, "a": 1}, {"steps": 1}, 9.0).digest == digest
    assert Manifest("train", {"a": 1, "b": 3}).digest != digest


@pytest.mark.parametrize(
    "values", [{}, [], {"inputs": {}}, {"inputs": {}, "result": None}, {"inputs": 1, "result": None, "seconds": 1}]
)
def test_a_damaged_manifest_is_told_with_what_to_do(values: object) -> None:
    with pytest.raises(FtkError, match=r"^stages/train\.json is damaged\n") as error:
        Manifest.parse("train", values, "stages/train.json")
    assert error.value.remedy == "restore it; `ftk run --resume RUN --from train` does the stage again"


def test_every_changed_input_is_told_with_both_values() -> None:
    manifest = Manifest("train", {"same": 1, "changed": 1, "gone": "x", "config lora_r": 8})
    keys = {"config lora_r": {"type": "integer", "default": 4}}
    assert manifest.changed({"same": 1, "changed": 2, "new": None, "config lora_r": 4}, keys) == [
        "changed: 1 then, 2 now",
        "config lora_r: 8 then, 4 now",
        "gone: 'x' then, None now",
    ]
    assert manifest.changed(dict(manifest.inputs), keys) == []


def test_a_key_that_the_plugins_of_then_did_not_know_had_its_default() -> None:
    manifest = Manifest("train", {"config datasets": [{"path": "x"}]})
    entry = {"type": "object", "properties": {"path": {}, "split": {"default": "train"}}}
    keys = {"config datasets": {"type": "array", "items": entry}, "config packed": {"default": False}}
    now = {"config datasets": [{"path": "x", "split": "train"}], "config packed": False}
    assert manifest.changed(now, keys) == []
    assert manifest.changed({**now, "config packed": True}, keys) == ["config packed: False then, True now"]


def test_a_key_that_nobody_reads_any_more_has_not_changed() -> None:
    assert Manifest("train", {"config old": 3}).changed({}, {}) == []
