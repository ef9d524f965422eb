"""Merging equals peft's, bit for bit, over many kinds of models and adapters."""

import json
import shutil
from collections.abc import Callable
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
import torch
from safetensors import safe_open
from safetensors.torch import load_file, save_file
from transformers import AutoModelForCausalLM

from ftk.advice import find_advice
from ftk_merge import room
from ftk_merge.command import MergeError
from ftk_merge.companions import OWN
from ftk_merge.merge import merge
from ftk_merge.plugin import advice
from ftk_merge.tensors import read_header

LINEAR = {"target_modules": "all-linear"}

ADAPTERS: dict[str, tuple[str, dict[str, Any]]] = {
    "all linear layers": ("llama", LINEAR),
    "rank and alpha patterns": (
        "llama",
        {**LINEAR, "rank_pattern": {"q_proj": 2, "layers.1.mlp.up_proj": 8}, "alpha_pattern": {"down_proj": 3}},
    ),
    "rsLoRA": ("llama", {**LINEAR, "use_rslora": True}),
    "DoRA": ("llama", {**LINEAR, "use_dora": True}),
    "biases, all": ("llama", {**LINEAR, "bias": "all"}),
    "biases, lora_only": ("llama", {"target_modules": ["q_proj"], "bias": "lora_only"}),
    "a bias of its own": ("llama", {"target_modules": ["q_proj", "k_proj"], "lora_bias": True}),
    "some layers": ("llama", {"target_modules": ["v_proj"], "layers_to_transform": [1]}),
    "modules to save": ("llama", {**LINEAR, "modules_to_save": ["embed_tokens", "lm_head"]}),
    "embeddings": ("llama", {"target_modules": ["embed_tokens", "q_proj"]}),
    "embeddings with DoRA": ("llama", {"target_modules": ["embed_tokens", "q_proj"], "use_dora": True}),
    "output embedding": ("llama", {"target_modules": ["lm_head", "q_proj"]}),
    "tied embeddings left alone": ("tied", LINEAR),
    "tied, input saved": ("tied", {"target_modules": ["q_proj"], "modules_to_save": ["embed_tokens"]}),
    "tied, both saved": ("tied", {"target_modules": ["q_proj"], "modules_to_save": ["embed_tokens", "lm_head"]}),
    "GPT-2, whose layers lie the other way round": (
        "gpt2",
        {"target_modules": ["c_attn", "c_proj", "c_fc"], "fan_in_fan_out": True},
    ),
    "GPT-2 with DoRA": ("gpt2", {"target_modules": ["c_attn", "c_proj"], "fan_in_fan_out": True, "use_dora": True}),
    "Mixtral's attention": ("mixtral", {"target_modules": ["q_proj", "v_proj", "o_proj"]}),
}

RESIZED = {
    "untied": ("llama", LINEAR),
    "tied": ("tied", {"target_modules": ["q_proj"]}),
    "tied, both saved": ("tied", {"target_modules": ["q_proj"], "modules_to_save": ["embed_tokens", "lm_head"]}),
}

PEFTS = {"target_modules": ["q_proj"], "trainable_token_indices": [1, 2]}

TO_PEFT = {
    "a beginning that changes the base": {**LINEAR, "init_lora_weights": "pissa"},
    "single tokens": PEFTS,
}


def _assert_equal(folder: Path, expected: dict[str, torch.Tensor]) -> None:
    merged = AutoModelForCausalLM.from_pretrained(folder, dtype="auto").state_dict()
    assert merged.keys() == expected.keys()
    assert [name for name in expected if not torch.equal(merged[name], expected[name])] == []


@pytest.mark.parametrize("dtype", [torch.float32, torch.bfloat16], ids=str)
@pytest.mark.parametrize("kind", ADAPTERS)
def test_a_merged_model_equals_pefts(
    kind: str, dtype: torch.dtype, make_base, make_adapter, tokenizer: Path, merged_by_peft, events, tmp_path: Path
) -> None:
    name, settings = ADAPTERS[kind]
    base = make_base(name, dtype, "20KB")
    adapter = make_adapter(base, **settings)
    merge(str(base), str(adapter), str(tmp_path / "merged"), str(tokenizer))
    _assert_equal(tmp_path / "merged", merged_by_peft(base, adapter, dtype))
    assert events("notice") == []


@pytest.mark.parametrize("kind", RESIZED)
def test_a_resized_vocabulary_is_kept(
    kind: str, make_base, make_adapter, tokenizer: Path, merged_by_peft, tmp_path: Path
) -> None:
    name, settings = RESIZED[kind]
    base = make_base(name)
    adapter = make_adapter(base, 100, **settings)
    merge(str(base), str(adapter), str(tmp_path / "merged"), str(tokenizer))
    assert json.loads((tmp_path / "merged/config.json").read_text())["vocab_size"] == 100
    _assert_equal(tmp_path / "merged", merged_by_peft(base, adapter, torch.float32))


def test_an_adapter_with_one_of_two_resized_embeddings_is_refused(
    make_base, make_adapter, tokenizer: Path, tmp_path: Path
) -> None:
    """Peft saves only the embedding that is adapted; of the other one the new rows are lost."""
    base = make_base("llama")
    adapter = make_adapter(base, 100, target_modules=["embed_tokens", "q_proj"])
    assert not any("lm_head" in name for name in read_header(adapter / "adapter_model.safetensors"))
    with pytest.raises(
        MergeError, match=r"resized only one of the embeddings \(lm_head.weight 96, .*embed_tokens.weight 100"
    ):
        merge(str(base), str(adapter), str(tmp_path / "merged"), str(tokenizer))
    assert not (tmp_path / "merged").exists()


def test_an_adapter_in_a_bin_file_goes_to_peft(
    make_base, make_adapter, tokenizer: Path, merged_by_peft, tmp_path: Path, events
) -> None:
    base = make_base("llama")
    adapter = make_adapter(base, **LINEAR)
    expected = merged_by_peft(base, adapter, torch.float32)
    torch.save(load_file(adapter / "adapter_model.safetensors"), adapter / "adapter_model.bin")
    (adapter / "adapter_model.safetensors").unlink()
    merge(str(base), str(adapter), str(tmp_path / "merged"), str(tokenizer))
    assert "it has no adapter_model.safetensors" in events("notice")[0]["message"]
    _assert_equal(tmp_path / "merged", expected)


@pytest.mark.parametrize("way", ["in integers", "under other names"])
def test_a_quantised_base_is_refused(way: str, make_base, make_adapter, tokenizer: Path, tmp_path: Path) -> None:
    base = shutil.copytree(make_base("llama"), tmp_path / "base")
    adapter = make_adapter(base, **LINEAR)
    weights = load_file(base / "model.safetensors")
    projections = [name for name in weights if "proj.weight" in name]
    for name in projections:
        packed = weights.pop(name).to(torch.int8)
        weights[name if way == "in integers" else name.replace(".weight", ".qweight")] = packed
    save_file(weights, base / "model.safetensors", {"format": "pt"})
    config = json.loads((base / "config.json").read_text())
    (base / "config.json").write_text(json.dumps({**config, "quantization_config": {"quant_method": "gptq"}}))
    with pytest.raises(MergeError, match=r"is stored quantised.*; name the unquantised model as base_model"):
        merge(str(base), str(adapter), str(tmp_path / "merged"), str(tokenizer))


@pytest.mark.parametrize("kind", TO_PEFT)
def test_what_only_peft_knows_goes_to_peft(
    kind: str, make_base, make_adapter, tokenizer: Path, merged_by_peft, tmp_path: Path, events
) -> None:
    base = make_base("llama")
    adapter = make_adapter(base, **TO_PEFT[kind])
    merge(str(base), str(adapter), str(tmp_path / "merged"), str(tokenizer))
    (notice,) = events("notice")
    assert notice["message"].startswith("peft merges this adapter, with the whole model in memory: ")
    _assert_equal(tmp_path / "merged", merged_by_peft(base, adapter, torch.float32))
    assert (tmp_path / "merged/tokenizer.json").read_text() == "{}"


def test_experts_go_to_peft(make_base, make_adapter, tokenizer: Path, merged_by_peft, tmp_path: Path, events) -> None:
    base = make_base("mixtral")
    adapter = make_adapter(base, target_modules=["q_proj"], target_parameters=["mlp.experts.down_proj"])
    merge(str(base), str(adapter), str(tmp_path / "merged"), str(tokenizer))
    assert "target_parameters" in events("notice")[0]["message"]
    _assert_equal(tmp_path / "merged", merged_by_peft(base, adapter, torch.float32))


def test_names_of_older_versions_of_peft_are_read(
    make_base, make_adapter, tokenizer: Path, merged_by_peft, tmp_path: Path
) -> None:
    base = make_base("llama")
    adapter = make_adapter(base, **LINEAR, use_dora=True, modules_to_save=["lm_head"])
    expected = merged_by_peft(base, adapter, torch.float32)
    weights = load_file(adapter / "adapter_model.safetensors")
    older = {
        name.replace("lora_magnitude_vector", "lora_magnitude_vector.default")
        .replace("lora_A.weight", "lora_A.default.weight")
        .replace("lm_head.weight", "lm_head.modules_to_save.weight"): weight
        for name, weight in weights.items()
    }
    assert older.keys() != weights.keys()
    save_file(older, adapter / "adapter_model.safetensors")
    merge(str(base), str(adapter), str(tmp_path / "merged"), str(tokenizer))
    _assert_equal(tmp_path / "merged", expected)


def test_the_layout_of_the_base_is_kept(make_base, make_adapter, tokenizer: Path, tmp_path: Path, run_command, events):
    base = make_base("llama", torch.bfloat16, "10KB")
    done = run_command("merge", base, make_adapter(base, **LINEAR), tmp_path / "merged", tokenizer)
    assert (done.returncode, done.stdout, done.stderr) == (0, "", "")
    merged = tmp_path / "merged"
    names = {path.name for path in merged.iterdir()}
    assert names == {path.name for path in (*base.iterdir(), *tokenizer.iterdir())} - set(OWN)
    for name in ("config.json", "generation_config.json", "modeling_own.py"):
        assert (merged / name).read_bytes() == (base / name).read_bytes()
    index, given = (json.loads((folder / "model.safetensors.index.json").read_text()) for folder in (merged, base))
    assert len(set(given["weight_map"].values())) >= 4
    assert index["weight_map"] == given["weight_map"]
    assert index["metadata"]["total_size"] == given["metadata"]["total_size"]
    last = events("merging")[-1]
    assert last["done"] == last["of"] == index["metadata"]["total_size"]


@pytest.mark.parametrize(
    ("number", "written"), [(7, {"config.json": 7, "generation_config.json": 7}), (2, {})], ids=["changed", "kept"]
)
def test_generation_ends_at_the_end_of_the_tokenizer(
    number: int, written: dict[str, int], make_base, make_adapter, tokenizer: Path, tmp_path: Path
) -> None:
    (tokenizer / "tokenizer.json").write_text(json.dumps({"added_tokens": [{"id": number, "content": "<end>"}]}))
    (tokenizer / "tokenizer_config.json").write_text(json.dumps({"eos_token": "<end>"}))
    base = make_base("llama")
    merge(str(base), str(make_adapter(base, **LINEAR)), str(tmp_path / "merged"), str(tokenizer))
    for name in ("config.json", "generation_config.json"):
        before, after = (json.loads((folder / name).read_text()) for folder in (base, tmp_path / "merged"))
        assert before["eos_token_id"] == 2
        assert after == {**before, "eos_token_id": written.get(name, 2)}


@pytest.mark.parametrize("dtype", ["float16", "bfloat16", "float32"])
def test_a_type_can_be_chosen(
    dtype: str, make_base, make_adapter, tokenizer: Path, merged_by_peft, tmp_path: Path
) -> None:
    base = make_base("llama", torch.bfloat16)
    adapter = make_adapter(base, **LINEAR)
    merge(str(base), str(adapter), str(tmp_path / "merged"), str(tokenizer), dtype)
    assert json.loads((tmp_path / "merged/config.json").read_text())["dtype"] == dtype
    _assert_equal(tmp_path / "merged", merged_by_peft(base, adapter, getattr(torch, dtype)))


def test_the_librarys_reader_takes_the_files(make_base, make_adapter, tokenizer: Path, tmp_path: Path) -> None:
    base = make_base("llama", torch.bfloat16)
    merge(str(base), str(make_adapter(base, **LINEAR)), str(tmp_path / "merged"), str(tokenizer))
    with safe_open(tmp_path / "merged/model.safetensors", "pt") as file:
        assert file.metadata() == {"format": "pt"}
        assert {file.get_tensor(name).dtype for name in list(file.keys())} == {torch.bfloat16}


def _truncate(path: Path) -> None:
    path.write_bytes(path.read_bytes()[:-100])


@pytest.mark.parametrize(
    ("spoil", "message"),
    [
        (lambda base, adapter: _truncate(adapter / "adapter_model.safetensors"), "ends in the middle of a tensor"),
        (lambda base, adapter: (adapter / "adapter_config.json").unlink(), "it is no adapter"),
        (lambda base, adapter: (adapter / "adapter_model.safetensors").unlink(), "the adapter's weights are gone"),
        (lambda base, adapter: (base / "model.safetensors").write_bytes(b"x" * 90), "is no whole safetensors file"),
    ],
)
def test_damage_is_told_and_leaves_nothing(
    spoil: Callable[[Path, Path], None], message: str, make_base, make_adapter, tokenizer: Path, tmp_path: Path
) -> None:
    base = shutil.copytree(make_base("llama"), tmp_path / "base")
    adapter = make_adapter(base, **LINEAR)
    spoil(base, adapter)
    with pytest.raises(MergeError, match=message):
        merge(str(base), str(adapter), str(tmp_path / "out/merged"), str(tokenizer))
    assert not (tmp_path / "out").exists() or not [*(tmp_path / "out").iterdir()]


@pytest.mark.parametrize(
    "header", [b"[]", b"3", b'{"a": 1}', b'{"a": {}}', b'{"a": {"data_offsets": [0, 0], "shape": 3}}']
)
def test_a_header_of_another_form_is_told(header: bytes, tmp_path: Path) -> None:
    file = tmp_path / "model.safetensors"
    file.write_bytes(len(header).to_bytes(8, "little") + header)
    with pytest.raises(MergeError, match="is no safetensors file: its header is not of that form"):
        read_header(file)


def test_the_command_ends_in_one_clear_line(make_base, tokenizer: Path, tmp_path: Path, run_command) -> None:
    done = run_command("merge", make_base("llama"), tmp_path, tmp_path / "merged", tokenizer)
    assert done.returncode == 1
    assert done.stderr == f"{tmp_path} holds no adapter_config.json: it is no adapter\n"


@pytest.mark.parametrize("settings", [LINEAR, PEFTS], ids=["tensor by tensor", "by peft"])
def test_a_merge_that_the_disk_has_no_room_for_writes_nothing(
    settings: dict[str, Any], make_base, make_adapter, tokenizer: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    base = make_base("llama")
    adapter = make_adapter(base, **settings)
    size = sum(tensor.size for tensor in read_header(base / "model.safetensors").values())
    monkeypatch.setattr(shutil, "disk_usage", lambda path: SimpleNamespace(free=size - 1))
    with pytest.raises(MergeError, match=r"the merged model takes 0.0 GB and .* GB free"):
        merge(str(base), str(adapter), str(tmp_path / "out/merged"), str(tokenizer))
    assert [*(tmp_path / "out").iterdir()] == []


def test_a_merge_by_peft_that_memory_has_no_room_for_is_refused(
    make_base, make_adapter, tokenizer: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    base = make_base("llama")
    adapter = make_adapter(base, **PEFTS)
    monkeypatch.setattr(room, "free_memory", lambda: 10**8)
    with pytest.raises(MergeError) as error:
        merge(str(base), str(adapter), str(tmp_path / "out/merged"), str(tokenizer))
    assert str(error.value) == "merging by peft takes 0.5 GB of memory, and 0.1 GB are free"
    assert not (tmp_path / "out").exists() or not [*(tmp_path / "out").iterdir()]
    found = find_advice(str(error.value), 1, advice())
    assert found and found.remedy_for("mine").endswith("beside the base model: `ftk run --resume mine --no-merge`")
