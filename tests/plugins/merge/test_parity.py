"""The comparison passes what rounding explains, however little was learned, and fails a merge that is wrong."""

import json
from collections.abc import Callable, Mapping
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
import torch
from peft import LoraConfig, get_peft_model
from safetensors.torch import load_file, save_file
from transformers import AutoModelForCausalLM

from ftk_merge import comparing
from ftk_merge.checkpoint import Checkpoint
from ftk_merge.comparing import compare
from ftk_merge.merge import merge
from ftk_merge.room import needed_memory
from ftk_merge.rows import make_rows, read_rows

LINEAR = {"target_modules": "all-linear"}

ROWS = [[(7 * row + 3 * token) % 96 for token in range(20 + row)] for row in range(6)]

Weights = Mapping[str, torch.Tensor]


@pytest.fixture
def data(tmp_path: Path) -> Path:
    """A folder with tokenised rows."""
    folder = tmp_path / "data"
    folder.mkdir()
    pq.write_table(pa.table({"input_ids": ROWS}), folder / "train.parquet")
    return folder


def train(base: Path, steps: int, folder: Path) -> Path:
    """An adapter that was trained a little, as the first steps of a run do."""
    torch.manual_seed(0)
    model = AutoModelForCausalLM.from_pretrained(base, dtype=torch.float32)
    adapted = get_peft_model(model, LoraConfig(r=4, lora_alpha=8, task_type="CAUSAL_LM", **LINEAR))
    optimizer = torch.optim.AdamW([weight for weight in adapted.parameters() if weight.requires_grad], lr=1e-4)
    for step in range(steps):
        row = torch.tensor([ROWS[step % len(ROWS)]])
        adapted(input_ids=row, labels=row).loss.backward()
        optimizer.step()
        optimizer.zero_grad()
    adapted.save_pretrained(str(folder))
    return folder


def scaled(base: torch.Tensor, merged: torch.Tensor, factor: float) -> torch.Tensor:
    """The weight with another share of what the adapter adds."""
    return (base.float() + factor * (merged.float() - base.float())).to(merged.dtype)


def transposed(base: torch.Tensor, merged: torch.Tensor) -> torch.Tensor:
    """The weight with what the adapter adds the wrong way round, where it is square."""
    change = merged.float() - base.float()
    return (base.float() + change.T).to(merged.dtype) if len(set(change.shape)) < change.dim() else merged


WRONG: Mapping[str, Callable[[str, torch.Tensor, torch.Tensor], torch.Tensor]] = {
    "a layer left out": lambda name, base, merged: base if ".layers.1." in name else merged,
    "a module left out": lambda name, base, merged: base if "layers.0.self_attn.v_proj" in name else merged,
    "alpha over the root of the rank": lambda name, base, merged: scaled(base, merged, 2),
    "transposed": lambda name, base, merged: transposed(base, merged),
    "no numbers": lambda name, base, merged: merged * torch.nan if "norm" in name else merged,
}


@pytest.mark.parametrize("steps", [1, 2, 20])
@pytest.mark.parametrize("dtype", [torch.float32, torch.float16, torch.bfloat16], ids=str)
def test_a_right_merge_passes_and_a_wrong_one_fails(
    dtype: torch.dtype, steps: int, make_base, tokenizer: Path, data: Path, tmp_path: Path
) -> None:
    base, merged = make_base("llama", dtype), tmp_path / "merged"
    adapter = train(base, steps, tmp_path / "adapter")
    merge(str(base), str(adapter), str(merged), str(tokenizer))
    found = compare(base, adapter, merged, data)
    assert found["ok"] is True, found["text"]
    assert (found["tokens"], found["rows"]) == (20 + 21 + 22 + 23, 4)

    file = merged / "model.safetensors"
    unmerged, right = load_file(base / "model.safetensors"), load_file(file)
    for name, change in WRONG.items():
        save_file({key: change(key, unmerged[key], right[key]) for key in right}, file, {"format": "pt"})
        wrong = compare(base, adapter, merged, data)
        assert wrong["ok"] is False, f"{name}: {wrong['text']}"
        assert "beyond the tolerance 2e-05, in 86 tokens of 4 rows" in wrong["text"]


@pytest.mark.parametrize(
    ("model", "settings"),
    [
        ("llama", {**LINEAR, "use_dora": True}),
        ("llama", {**LINEAR, "use_rslora": True, "bias": "all"}),
        ("llama", {**LINEAR, "modules_to_save": ["embed_tokens", "lm_head"]}),
        ("llama", {"target_modules": ["q_proj"], "lora_bias": True, "trainable_token_indices": [1, 2]}),
        ("gpt2", {"target_modules": ["c_attn", "c_fc"], "fan_in_fan_out": True}),
        ("mixtral", {"target_modules": ["q_proj", "o_proj"]}),
        # As base and adapter answer: peft's own merge of one of two embeddings that are one changes both.
        ("tied", {"target_modules": ["embed_tokens", "q_proj"]}),
        ("tied", {"target_modules": ["lm_head", "q_proj"]}),
    ],
    ids=lambda value: value if isinstance(value, str) else "-".join(map(str, value)),
)
def test_every_kind_of_adapter_passes(
    model: str, settings, make_base, make_adapter, tokenizer, data, tmp_path: Path
) -> None:
    base, merged = make_base(model, torch.bfloat16), tmp_path / "merged"
    adapter = make_adapter(base, **settings)
    merge(str(base), str(adapter), str(merged), str(tokenizer))
    if model == "tied":
        assert json.loads((merged / "config.json").read_text())["tie_word_embeddings"] is False
    found = compare(base, adapter, merged, data)
    assert found["ok"] is True, found["text"]


def test_a_distance_that_rounding_does_not_explain_fails(
    make_base, make_adapter, tokenizer, data, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """As where peft merges wrongly in the same way, which no adapter here makes it do."""
    base, merged = make_base("llama"), tmp_path / "merged"
    adapter = make_adapter(base, **LINEAR)
    merge(str(base), str(adapter), str(merged), str(tokenizer))
    unmerged = load_file(base / "model.safetensors")
    save_file(unmerged, merged / "model.safetensors", {"format": "pt"})
    monkeypatch.setattr("ftk_merge.folded.fold", lambda model, merged: model.base_model.disable_adapter_layers())
    found = compare(base, adapter, merged, data)
    assert (found["ok"], found["distance"] < found["tolerance"]) == (False, True)
    assert ", and explains 0.0001 at most" in found["text"]


def test_another_type_than_the_bases_passes(make_base, make_adapter, tokenizer, data, tmp_path: Path) -> None:
    base, merged = make_base("llama"), tmp_path / "merged"
    adapter = make_adapter(base, **LINEAR)
    merge(str(base), str(adapter), str(merged), str(tokenizer), "bfloat16")
    found = compare(base, adapter, merged, data)
    assert found["ok"] is True, found["text"]
    assert found["rounding"] > 10 * found["tolerance"]
    assert "rounding to bfloat16 makes" in found["text"]


def test_a_model_that_does_not_fit_into_memory_is_skipped(
    make_base, make_adapter, tokenizer, data, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    base, merged = make_base("llama"), tmp_path / "merged"
    adapter = make_adapter(base, **LINEAR)
    merge(str(base), str(adapter), str(merged), str(tokenizer))
    monkeypatch.setattr(comparing, "free_memory", lambda: 10**6)
    found = compare(base, adapter, merged, data)
    assert found["ok"] is None
    assert found["text"].startswith("skipped: too large (0.5 GB needed")


def test_rows_are_made_up_where_the_data_hold_no_token_ids(
    make_base, make_adapter, tokenizer, tmp_path: Path, run_command
) -> None:
    """As where axolotl reads the data sets itself: what is staged then has no `train.parquet`."""
    base, merged, data = make_base("llama"), tmp_path / "merged", tmp_path / "data"
    adapter = make_adapter(base, **LINEAR)
    merge(str(base), str(adapter), str(merged), str(tokenizer))
    data.mkdir()
    (data / "samples.jsonl").write_text("")
    done = run_command("parity", base, adapter, merged, data, tmp_path / "parity.json")
    assert done.returncode == 0, done.stderr
    found = json.loads((tmp_path / "parity.json").read_text())
    assert (found["ok"], found["made_up"]) == (True, True)
    assert "in 512 tokens of 4 made-up rows; rounding" in found["text"]

    unmerged = load_file(base / "model.safetensors")
    save_file(unmerged, merged / "model.safetensors", {"format": "pt"})
    assert compare(base, adapter, merged, data)["ok"] is False


@pytest.mark.parametrize(
    "columns",
    [{"input_ids": []}, {"prompt": ["one", "two"]}, {"input_ids": [[], None]}],
    ids=["no rows", "rows without token ids", "empty rows"],
)
def test_data_without_token_ids_give_no_rows(columns, tmp_path: Path) -> None:
    kinds = pa.schema([(name, pa.list_(pa.int64()) if "ids" in name else pa.string()) for name in columns])
    pq.write_table(pa.table(columns, kinds), tmp_path / "train.parquet")
    assert read_rows(tmp_path) == []


def test_made_up_rows_are_always_the_same(make_base) -> None:
    """A run that is resumed compares what it compared before."""
    first, second = (make_rows(Checkpoint.open(make_base("llama"))) for _ in range(2))
    assert first == second
    assert {0, 95} <= {token for row in first for token in row} <= set(range(96))


@pytest.mark.parametrize("count", [1, 3, 9])
def test_the_first_rows_are_read_however_they_lie_in_the_file(count: int, tmp_path: Path) -> None:
    rows = [[], *([row, *range(200)] for row in range(count))]
    pq.write_table(pa.table({"input_ids": pa.array(rows, pa.list_(pa.int64()))}), tmp_path / "train.parquet", 1)
    assert read_rows(tmp_path) == [row[:128] for row in rows[1:5]]


def test_the_adapters_own_weights_count_as_memory(make_base, make_adapter) -> None:
    base = Checkpoint.open(make_base("llama"))
    adapter = make_adapter(base.folder, **LINEAR, modules_to_save=["lm_head"])
    weights = load_file(adapter / "adapter_model.safetensors")
    with_it = needed_memory(base, adapter)
    save_file(
        {name: weight for name, weight in weights.items() if "lora" in name}, adapter / "adapter_model.safetensors"
    )
    assert with_it - needed_memory(base, adapter) == 4 * 96 * 32
