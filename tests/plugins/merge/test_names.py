"""Models that also see images, whose files call their tensors otherwise than the models do, are merged and compared."""

import json
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import pytest
import torch
from peft import LoraConfig, get_peft_model
from safetensors.torch import load_file, save_file
from transformers import (
    AutoModelForImageTextToText,
    Gemma3Config,
    Gemma3ForConditionalGeneration,
    LlavaConfig,
    LlavaForConditionalGeneration,
    Mistral3Config,
    Mistral3ForConditionalGeneration,
    Qwen2_5_VLConfig,
    Qwen2_5_VLForConditionalGeneration,
)

from ftk_merge.command import MergeError
from ftk_merge.comparing import compare
from ftk_merge.merge import merge
from ftk_merge.names import stored_name

TEXT: dict[str, Any] = {
    "vocab_size": 96,
    "hidden_size": 32,
    "intermediate_size": 64,
    "num_hidden_layers": 2,
    "num_attention_heads": 4,
    "num_key_value_heads": 2,
    "head_dim": 8,
}

IMAGES: dict[str, Any] = {
    "hidden_size": 32,
    "intermediate_size": 64,
    "num_hidden_layers": 2,
    "num_attention_heads": 4,
    "image_size": 28,
    "patch_size": 14,
}


def _gemma3() -> Any:
    tokens = {"image_token_index": 90, "boi_token_index": 91, "eoi_token_index": 92}
    return Gemma3ForConditionalGeneration(
        Gemma3Config(text_config=TEXT, vision_config=IMAGES, mm_tokens_per_image=4, **tokens)
    )


def _llava() -> Any:
    text = {"model_type": "llama", **TEXT}
    images = {"model_type": "clip_vision_model", "projection_dim": 16, **IMAGES}
    return LlavaForConditionalGeneration(LlavaConfig(text_config=text, vision_config=images, image_token_index=90))


def _mistral3() -> Any:
    text, images = {"model_type": "mistral", **TEXT}, {"model_type": "pixtral", "head_dim": 8, **IMAGES}
    config = Mistral3Config(text_config=text, vision_config=images, image_token_index=90, tie_word_embeddings=False)
    return Mistral3ForConditionalGeneration(config)


def _qwen2_5_vl() -> Any:
    places = {"rope_type": "default", "rope_theta": 1e4, "mrope_section": [1, 1, 2]}
    images = {"depth": 2, "hidden_size": 32, "intermediate_size": 64, "num_heads": 4, "out_hidden_size": 32}
    return Qwen2_5_VLForConditionalGeneration(
        Qwen2_5_VLConfig(
            text_config={**TEXT, "rope_parameters": places},
            vision_config={**images, "fullatt_block_indexes": [0]},
            **{"image_token_id": 90, "video_token_id": 91, "vision_start_token_id": 92, "vision_end_token_id": 93},
        )
    )


MODELS: Mapping[str, Callable[[], Any]] = {
    "Gemma 3": _gemma3,
    "Llava": _llava,
    "Mistral 3": _mistral3,
    "Qwen2.5-VL": _qwen2_5_vl,
}

LANGUAGE = {"target_modules": r".*language_model.*_proj"}
EVERYTHING = {"target_modules": r".*(language_model.*_proj|vision_tower.*fc1|projector.*linear_\d)"}

Rename = Callable[[str], str]


def as_written(name: str) -> str:
    """The name that the installed transformers writes."""
    return name


def of_the_first_version(name: str) -> str:
    """The name in the files that were published, where the part for images has a prefix more."""
    return name.replace("vision_tower.", "vision_tower.vision_model.")


def of_the_model(name: str) -> str:
    """The name that the model has for it today."""
    if name.startswith("language_model.lm_head."):
        return name.removeprefix("language_model.")
    return "model." + name.replace("language_model.model.", "language_model.")


def write(model: Any, folder: Path, rename: Rename = as_written) -> Path:
    """A model's folder."""
    model.save_pretrained(folder)
    weights = load_file(folder / "model.safetensors")
    save_file(
        {rename(name): weight for name, weight in weights.items()}, folder / "model.safetensors", {"format": "pt"}
    )
    return folder


def adapt(base: Path, folder: Path, tokens: int | None = None, **settings: Any) -> tuple[Path, dict[str, torch.Tensor]]:
    """An adapter with random weights for a base, and the weights that peft makes of both."""
    model = AutoModelForImageTextToText.from_pretrained(base, dtype=torch.float32)
    if tokens:
        model.resize_token_embeddings(tokens)
    torch.manual_seed(1)
    adapted = get_peft_model(model, LoraConfig(r=4, init_lora_weights=False, task_type="CAUSAL_LM", **settings))
    with torch.no_grad():
        for weight in (weight for weight in adapted.parameters() if weight.requires_grad):
            weight += 0.1 * torch.randn_like(weight)
    adapted.save_pretrained(str(folder))
    return folder, adapted.merge_and_unload().state_dict()


def check(base: Path, tokenizer: Path, folder: Path, tokens: int | None = None, **settings: Any) -> None:
    """Merge an adapter, which must be equal to peft's merge, and be found so."""
    torch.manual_seed(0)
    adapter, expected = adapt(base, folder / "adapter", tokens, **settings)
    merge(str(base), str(adapter), str(folder / "merged"), str(tokenizer))
    merged = AutoModelForImageTextToText.from_pretrained(folder / "merged", dtype="auto").state_dict()
    assert merged.keys() == expected.keys()
    assert [name for name in expected if not torch.equal(merged[name], expected[name])] == []
    found = compare(base, adapter, folder / "merged", folder)
    assert found["ok"] is True, found["text"]


@pytest.mark.parametrize(
    ("kind", "rename", "settings"),
    [
        *(("Gemma 3", rename, EVERYTHING) for rename in (as_written, of_the_first_version, of_the_model)),
        *((kind, as_written, LANGUAGE) for kind in MODELS if kind != "Gemma 3"),
        ("Llava", of_the_model, {**EVERYTHING, "modules_to_save": ["lm_head"]}),
        ("Mistral 3", as_written, {**EVERYTHING, "modules_to_save": ["lm_head"]}),
        ("Gemma 3", as_written, {**LANGUAGE, "modules_to_save": ["lm_head"]}),
        ("Gemma 3", of_the_model, {**LANGUAGE, "modules_to_save": ["lm_head"]}),
    ],
)
def test_a_model_with_images_is_merged_tensor_by_tensor(
    kind: str, rename: Rename, settings: dict[str, Any], tokenizer: Path, tmp_path: Path, events
) -> None:
    base = write(MODELS[kind](), tmp_path / "base", rename)
    names = set(load_file(base / "model.safetensors"))
    check(base, tokenizer, tmp_path, **settings)
    assert events("notice") == []
    added = set(load_file(tmp_path / "merged/model.safetensors")) - names
    saved = kind == "Gemma 3" and "modules_to_save" in settings
    assert added == ({rename("language_model.lm_head.weight")} if saved else set())


def test_what_is_about_the_text_is_written_there(tokenizer: Path, tmp_path: Path) -> None:
    """Also where the base model's config leaves out what is as usual, as that of Gemma 3 does."""
    model = _gemma3()
    base = write(model, tmp_path / "base")
    config = json.loads((base / "config.json").read_text())
    del config["tie_word_embeddings"], config["text_config"]["tie_word_embeddings"]
    (base / "config.json").write_text(json.dumps(config))
    check(base, tokenizer, tmp_path, tokens=100, **LANGUAGE, modules_to_save=["lm_head", "embed_tokens"])
    written = json.loads((tmp_path / "merged/config.json").read_text())
    assert (written["text_config"]["vocab_size"], "vocab_size" in written) == (100, False)
    assert written["tie_word_embeddings"] is written["text_config"]["tie_word_embeddings"] is False


def test_a_kind_of_model_that_transformers_cannot_load_is_not_compared(
    make_base, make_adapter, tokenizer: Path, tmp_path: Path
) -> None:
    base, merged = make_base("llama"), tmp_path / "merged"
    adapter = make_adapter(base, target_modules=["q_proj"])
    merge(str(base), str(adapter), str(merged), str(tokenizer))
    other = write_kind(base, "unheard-of", tmp_path / "other")
    found = compare(other, adapter, merged, tmp_path)
    reason = "transformers has no class of models for text of the kind unheard-of"
    assert found == {"ok": None, "text": f"skipped: {reason}"}
    adapter = make_adapter(base, target_modules=["q_proj"], trainable_token_indices=[1])
    with pytest.raises(MergeError, match=reason):
        merge(str(other), str(adapter), str(tmp_path / "again"), str(tokenizer))


def write_kind(base: Path, kind: str, folder: Path) -> Path:
    """The same model as one of another kind."""
    folder.mkdir()
    (folder / "model.safetensors").symlink_to(base / "model.safetensors")
    (folder / "config.json").write_text(
        json.dumps({**json.loads((base / "config.json").read_text()), "model_type": kind})
    )
    return folder


LAYER = "layers.0.self_attn.q_proj.weight"


@pytest.mark.parametrize(
    ("name", "stored", "expected"),
    [
        ("model.", ["model.", "language_model.model."], "model."),
        ("model.", [""], ""),
        ("", ["model."], "model."),
        ("", ["text.", "images."], None),
        ("model.", ["model.language_model.", "model.visual."], "model.language_model."),
        ("model.language_model.", ["language_model.model.", "vision_tower."], "language_model.model."),
        ("model.language_model.", ["language_model.model.", "model."], None),
        ("model.vision_tower.", ["vision_tower.", "language_model.model."], "vision_tower."),
        ("model.vision_tower.", ["vision_tower.vision_model.", "model."], "vision_tower.vision_model."),
        ("model.vision_tower.", ["language_model.model."], None),
    ],
)
def test_a_name_is_found_only_where_there_is_no_doubt(name: str, stored: list[str], expected: str | None) -> None:
    found = stored_name(name + LAYER, {other + LAYER: None for other in stored})
    assert found == (None if expected is None else expected + LAYER)
