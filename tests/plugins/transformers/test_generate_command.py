"""Completing prompts as a command: order, ends, options, and batches that change no answer."""

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import torch
from peft import PeftModel
from transformers import AutoModelForCausalLM, AutoTokenizer

TEXTS = ["the cat", "SELECT name FROM people", "a", "a dog ran over the hill", "over the mat"] * 4
LENGTH = 24


def complete_alone(model: Any, ids: list[int]) -> list[int]:
    """What a model makes of one prompt without any padding, up to its end."""
    row = model.generate(torch.tensor([ids]), do_sample=False, max_new_tokens=LENGTH, pad_token_id=0)[0]
    return list(row[len(ids) :].tolist())


def test_batches_answer_like_single_prompts(
    run_command: Callable[..., Any], tiny_model: Path, tiny_adapter: Path, tmp_path: Path
) -> None:
    tokenizer = AutoTokenizer.from_pretrained(tiny_model)
    prompts = [tokenizer(f"{text} {number}")["input_ids"] for number, text in enumerate(TEXTS)]
    lines = [{"input_ids": ids, "max_new_tokens": LENGTH, "temperature": 0.0} for ids in prompts]
    lines.append({"prompt": TEXTS[0], "max_new_tokens": 3})
    source, target, events = (tmp_path / name for name in ("prompts.jsonl", "out.jsonl", "events.jsonl"))
    source.write_text("".join(json.dumps(line) + "\n" for line in lines))
    done = run_command("generate", tiny_model, tiny_model, tiny_adapter, source, target, FTK_EVENTS=str(events))
    assert done.returncode == 0, done.stderr
    assert (done.stdout, done.stderr) == ("", "")

    model = PeftModel.from_pretrained(
        AutoModelForCausalLM.from_pretrained(tiny_model, dtype=torch.float32), tiny_adapter
    )
    answers = [json.loads(line) for line in target.read_text().splitlines()]
    assert len(answers) == len(lines)
    for ids, answer in zip(prompts, answers, strict=False):
        expected = complete_alone(model, ids)
        assert answer["text"] == tokenizer.decode(expected, skip_special_tokens=True)
        assert answer["tokens"] == len(expected)
        assert answer["finish"] == ("stop" if expected[-1] == 0 else "length")
    assert (answers[-1]["tokens"], answers[-1]["finish"]) == (3, "length")

    reported = [json.loads(line) for line in events.read_text().splitlines()]
    assert {event["kind"] for event in reported} == {"generation"}
    assert (reported[-1]["done"], reported[-1]["of"]) == (21, 21)
    assert reported[-1]["tokens"] == sum(answer["tokens"] for answer in answers)


def test_no_adapter_and_no_prompts(run_command: Callable[..., Any], tiny_model: Path, tmp_path: Path) -> None:
    source, target = tmp_path / "prompts.jsonl", tmp_path / "out.jsonl"
    source.write_text("")
    done = run_command("generate", tiny_model, tiny_model, "-", source, target)
    assert done.returncode == 0, done.stderr
    assert target.read_text() == ""
