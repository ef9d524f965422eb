"""A tiny model with random weights for each architecture that a config in configs/ trains."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

SIZES: Mapping[str, Any] = {
    "hidden_size": 64,
    "intermediate_size": 128,
    "num_hidden_layers": 2,
    "num_attention_heads": 4,
    "num_key_value_heads": 2,
    "head_dim": 16,
    "max_position_embeddings": 4096,
}

ENDS = {"qwen3": "<|im_end|>", "llama3": "<|eot_id|>", "gemma3_text": "<end_of_turn>", "gpt_neox": "<|endoftext|>"}
"""How a model of a kind ends an answer, where that is not `</s>`."""

MORE: Mapping[str, Mapping[str, Any]] = {"mixtral": {"num_local_experts": 4}}

KINDS = {
    "mistral-memorize": "mistral",
    "mistral": "mistral",
    "mixtral": "mixtral",
    "mixtral_out_of_box": "mixtral",
    "llama-3": "llama",
    "llama-3.2": "llama3",
    "codellama": "llama",
    "pythia": "gpt_neox",
    "qwen3": "qwen3",
    "qwen3-qlora": "qwen3",
    "qwen3-full-zero3": "qwen3",
    "qwen3-dpo": "qwen3",
    "gemma-3": "gemma3_text",
}
"""The kind of model that a config trains."""


def write_model(kind: str, folder: Path) -> Path:
    """Write a tiny model of a kind, with a tokenizer of bytes."""
    import torch
    from tokenizers import Tokenizer, decoders, models, pre_tokenizers
    from transformers import AutoConfig, AutoModelForCausalLM, PreTrainedTokenizerFast

    end = ENDS.get(kind, "</s>")
    alphabet = sorted(pre_tokenizers.ByteLevel.alphabet())
    vocabulary = {token: number for number, token in enumerate([end, "<s>", "<unk>", *alphabet])}
    tokenizer = Tokenizer(models.BPE(vocabulary, []))
    tokenizer.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    tokenizer.decoder = decoders.ByteLevel()
    tokenizer.add_special_tokens([end, "<s>", "<unk>"])
    named = {"eos_token": end, "pad_token": end, "bos_token": "<s>", "unk_token": "<unk>"}
    PreTrainedTokenizerFast(tokenizer_object=tokenizer, **named).save_pretrained(folder)
    torch.manual_seed(0)
    config = AutoConfig.for_model(
        kind.removesuffix("3") if kind == "llama3" else kind,
        vocab_size=len(vocabulary),
        bos_token_id=1,
        eos_token_id=0,
        pad_token_id=0,
        **SIZES,
        **MORE.get(kind, {}),
    )
    AutoModelForCausalLM.from_config(config, dtype=torch.float32).save_pretrained(folder)
    return folder
