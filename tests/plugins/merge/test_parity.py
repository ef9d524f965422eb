"""The comparison passes what rounding explains, and fails a merge that left something out."""

import json
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
import torch
from safetensors.torch import load_file, save_file

from ftk_merge import comparing
from ftk_merge.merge import merge

LINEAR = {"target_modules": "all-linear"}


@pytest.fixture
def data(tmp_path: Path) -> Path:
    """A folder with tokenised rows."""
    folder = tmp_path / "data"
    folder.mkdir()
    rows = [[(7 * row + 3 * token) % 96 for token in range(20 + row)] for row in range(6)]
    pq.write_table(pa.table({"input_ids": rows}), folder / "train.parquet")
    return folder


@pytest.mark.parametrize("dtype", [torch.float32, torch.float16, torch.bfloat16], ids=str)
def test_a_left_out_layer_is_seen(dtype: torch.dtype, make_base, make_adapter, tokenizer, data, tmp_path: Path) -> None:
    base, merged = make_base("llama", dtype), tmp_path / "merged"
    adapter = make_adapter(base, **LINEAR)
    merge(str(base), str(adapter), str(merged), str(tokenizer))
    found = comparing.compare(base, adapter, merged, data)
    assert found["ok"] is True, found["text"]
    assert found["tokens"] == 20 + 21 + 22 + 23

    file = merged / "model.safetensors"
    unmerged = load_file(base / "model.safetensors")
    left_out = {name: unmerged[name] if ".layers.1." in name else weight for name, weight in load_file(file).items()}
    save_file(left_out, file, {"format": "pt"})
    found = comparing.compare(base, adapter, merged, data)
    assert found["ok"] is False, found["text"]
    assert (
        f"beyond the tolerance {found['tolerance']:.2g} at row {found['row']}, token {found['token']}" in found["text"]
    )


@pytest.mark.parametrize(
    "settings", [{"target_modules": ["embed_tokens", "q_proj"]}, {"target_modules": ["lm_head", "q_proj"]}]
)
def test_an_adapted_embedding_is_parted_from_the_one_that_shared_it(
    settings, make_base, make_adapter, tokenizer, data, tmp_path: Path
) -> None:
    """As base and adapter answer; peft's own merge changes both."""
    base, merged = make_base("tied"), tmp_path / "merged"
    adapter = make_adapter(base, **settings)
    merge(str(base), str(adapter), str(merged), str(tokenizer))
    assert json.loads((merged / "config.json").read_text())["tie_word_embeddings"] is False
    found = comparing.compare(base, adapter, merged, data)
    assert found["ok"] is True, found["text"]


def test_a_model_that_does_not_fit_into_memory_is_skipped(
    make_base, make_adapter, tokenizer, data, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    base, merged = make_base("llama"), tmp_path / "merged"
    adapter = make_adapter(base, **LINEAR)
    merge(str(base), str(adapter), str(merged), str(tokenizer))
    monkeypatch.setattr(comparing, "free_memory", lambda: 10**6)
    found = comparing.compare(base, adapter, merged, data)
    assert found["ok"] is None
    assert found["text"].startswith("skipped: too large (0.5 GB needed")
