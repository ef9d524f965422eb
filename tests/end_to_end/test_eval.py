"""A real model is measured and asked: its losses are those of its training, its prompts too."""

import json
import math
from pathlib import Path
from typing import Any

import pytest

ONE_BATCH = ("--set", "eval_batch_size=4", "--set", "eval_strategy=steps", "--set", "eval_steps=10")


@pytest.fixture(scope="module")
def trained(tmp_path_factory: pytest.TempPathFactory, make_ftk: Any, write_tiny_config: Any) -> Any:
    """Calls ftk where a run has trained, which kept its adapter apart."""
    folder = tmp_path_factory.mktemp("eval")
    ftk = make_ftk(folder)
    config = write_tiny_config(folder)
    text = config.read_text()
    config.write_text(text.replace('no_input_format: "{instruction} "', 'no_input_format: "[Q] {instruction} [A] "'))
    done = ftk("run", config, *ONE_BATCH, "--set", "ftk.evaluate.rows=4", "--no-merge")
    assert done.returncode == 0, done.stderr
    return ftk


def measured(ftk: Any, *arguments: str) -> dict[str, dict[str, Any]]:
    """The measures of an evaluation by their names."""
    done = ftk("eval", "--json", *arguments)
    assert done.returncode == 0, done.stderr
    return {measure["name"]: measure for measure in json.loads(done.stdout)["measures"]}


@pytest.mark.slow
def test_the_loss_is_the_one_that_training_had(trained: Any) -> None:
    evaluations = [event["eval_loss"] for event in trained.events("metrics") if "eval_loss" in event]
    found = measured(trained)
    # All rows that were held out make one batch there, so that its mean is that over all tokens.
    assert found["loss"]["rows"] == 4
    assert found["loss"]["tuned"] == pytest.approx(evaluations[-1], rel=1e-4)
    assert found["perplexity"]["tuned"] == pytest.approx(math.exp(found["loss"]["tuned"]))
    assert found["loss"]["base"] > found["loss"]["tuned"]
    [_, scores] = json.loads(Path(trained.run_folder(), "summary.json").read_text())["scores"]
    assert found["exact match"] == {
        "name": "exact match",
        "rows": scores["rows"],
        "base": scores["base"] / scores["rows"],
        "tuned": scores["tuned"] / scores["rows"],
    }


@pytest.mark.slow
def test_other_rows_are_measured_in_the_form_of_training(trained: Any) -> None:
    [row] = [item for item in samples(trained) if item["split"] == "eval"][:1]
    question = row["prompt"].removeprefix("[Q] ").removesuffix(" [A] ")
    (trained.folder / "one.jsonl").write_text(json.dumps({"question": question, "answer": row["expected"]}) + "\n")
    alone = measured(trained, "--rows", "1")
    assert measured(trained, "--data", "one.jsonl")["loss"] == pytest.approx(alone["loss"])


@pytest.mark.slow
def test_a_merged_model_has_the_loss_of_its_adapter(trained: Any) -> None:
    before = measured(trained)
    assert trained("merge", "latest").returncode == 0
    assert measured(trained)["loss"]["tuned"] == pytest.approx(before["loss"]["tuned"], rel=1e-4)


@pytest.mark.slow
def test_a_chat_has_the_token_ids_of_training(trained: Any) -> None:
    from transformers import AutoTokenizer

    for name in ("lora-out", "lora-out/merged"):
        tokenizer = AutoTokenizer.from_pretrained(trained.run_folder() / name)
        for row in samples(trained)[:3]:
            question = row["prompt"].removeprefix("[Q] ").removesuffix(" [A] ")
            messages = [{"role": "user", "content": question}]
            ids = tokenizer.apply_chat_template(messages, add_generation_prompt=True, return_dict=False)
            assert ids == row["input_ids"]


@pytest.mark.slow
def test_fields_a_prompt_and_a_stream_are_answered_alike(trained: Any) -> None:
    row = samples(trained)[0]
    question = row["prompt"].removeprefix("[Q] ").removesuffix(" [A] ")
    by_fields = trained("infer", "--field", f"question={question}", "--json")
    as_it_stands = trained("infer", row["prompt"], "--json")
    streamed = trained("infer", row["prompt"])
    assert by_fields.returncode == as_it_stands.returncode == streamed.returncode == 0, by_fields.stderr
    assert json.loads(by_fields.stdout) == json.loads(as_it_stands.stdout)
    assert streamed.stdout == json.loads(as_it_stands.stdout)["text"] + "\n"
    assert "tokens/s" in streamed.stderr


def samples(ftk: Any) -> list[dict[str, Any]]:
    """Rows as they were staged."""
    lines = (ftk.run_folder() / "last_run_prepared/samples.jsonl").read_text().splitlines()
    return [json.loads(line) for line in lines]
