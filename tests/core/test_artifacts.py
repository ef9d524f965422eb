"""What stages hand to each other."""

import json
from typing import Any

import pytest

from ftk.artifacts import Artifact, MergedModel, PreparedModel, Result, StagedData, TrainedModel

RESULTS = [
    StagedData(Artifact("run", "last_run_prepared"), "d", 10, 2, 300, 100, 1),
    PreparedModel(Artifact("cache", "models/0fb0"), "m", 5),
    TrainedModel(Artifact("run", "lora-out"), True, 12, 1.5, None),
    MergedModel(Artifact("run", "lora-out/merged")),
]


@pytest.mark.parametrize("result", RESULTS, ids=lambda result: type(result).__name__)
def test_a_result_survives_json(result: Result) -> None:
    assert type(result).from_json(json.loads(json.dumps(result.to_json()))) == result


@pytest.mark.parametrize("result", RESULTS, ids=lambda result: type(result).__name__)
def test_a_result_names_its_folders(result: Any) -> None:
    assert result.artifacts() == [result.folder]


@pytest.mark.parametrize("text", ["run:", "run:a/b", "cache:models/x", "run:a:b"])
def test_an_artifact_is_text_and_back(text: str) -> None:
    assert str(Artifact.parse(text)) == text


def test_a_place_below_an_artifact_has_its_root() -> None:
    assert Artifact("cache", "a") / "b" / "c" == Artifact("cache", "a/b/c")
    assert Artifact("run", "") / "b" == Artifact("run", "b")
