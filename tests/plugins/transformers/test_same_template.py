"""A served request has the token ids that the same rows had in training."""

import json
import os
from argparse import Namespace
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import pytest
from starlette.testclient import TestClient

from ftk.testing.engines import make_ftk

SEED = {
    "field_instruction": "question",
    "field_input": "context",
    "field_output": "answer",
    "format": "[INST] Use the context.\n{input}\n{instruction} [/INST] ",
}

CHATML = {"type": "chat_template", "chat_template": "chatml", "field_messages": "messages"}

TALK = [
    {"role": "system", "content": "Be brief."},
    {"role": "user", "content": "Who?"},
    {"role": "assistant", "content": "Ada."},
    {"role": "user", "content": "When?"},
]

CASES: dict[str, tuple[Any, Mapping[str, Any], Sequence[Mapping[str, str]]]] = {
    "the seed's format": (
        {"type": SEED},
        {"question": "Show all.", "context": "CREATE TABLE x", "answer": "SELECT 1"},
        [{"role": "user", "content": "CREATE TABLE x\nShow all."}],
    ),
    "alpaca": (
        {"type": "alpaca"},
        {"instruction": "Add 1 and 2.", "input": "", "output": "3"},
        [{"role": "user", "content": "Add 1 and 2."}],
    ),
    "a chat": (CHATML, {"messages": [*TALK, {"role": "assistant", "content": "1843."}]}, TALK),
}


@pytest.mark.parametrize("name", CASES)
def test_a_served_chat_is_tokenised_as_in_training(
    name: str, tmp_path: Path, ftk_tiny_model: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    kind, row, messages = CASES[name]
    ftk = make_ftk(tmp_path, dict(os.environ))
    (tmp_path / "data.jsonl").write_text(json.dumps(row) + "\n")
    data_sets = [{"path": "data.jsonl", **kind}]
    # The tiny tokenizer has no token that ends a turn of chatml.
    config = {"base_model": str(ftk_tiny_model), "datasets": data_sets, "ftk": {"data": {"allow_untrained_eos": True}}}
    (tmp_path / "config.yml").write_text(json.dumps(config))
    done = ftk("run", "config.yml", "--until", "stage_data")
    assert done.returncode == 0, done.stderr
    (sample,) = (ftk.run_folder() / "last_run_prepared/samples.jsonl").read_text().splitlines()
    tokenizer = ftk.run_folder() / "tokenizer"
    assert _served_ids(ftk_tiny_model, tokenizer, messages, monkeypatch) == json.loads(sample)["input_ids"]


def _served_ids(
    model: Path, tokenizer: Path, messages: Sequence[Mapping[str, str]], monkeypatch: pytest.MonkeyPatch
) -> list[int]:
    """The token ids that a model is given for a chat."""
    from ftk_transformers.server.answering import Answering, Source
    from ftk_transformers.server.serving import application

    given: list[list[int]] = []
    generate = Answering.generate

    def recorded(answering: Answering, generation_config: Any, **more: Any) -> Any:
        given.append(more["input_ids"][0].tolist())
        return generate(answering, generation_config, **more)

    monkeypatch.setattr(Answering, "generate", recorded)
    options = Namespace(tokenizer=str(tokenizer), dtype=None, max_model_len=None)
    app = application(options, [Source("it", model, None)])
    body = {"model": "it", "messages": list(messages), "max_tokens": 1}
    answer = TestClient(app).post("/v1/chat/completions", json=body)
    assert answer.status_code == 200, answer.text
    return given[0]
