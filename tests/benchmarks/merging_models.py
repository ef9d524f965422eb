"""Makes what is merged: `python merging_models.py LAYERS WIDTH FOLDER` writes `base` and `adapter` into FOLDER.

A Llama with random weights in bfloat16, in several files, and an adapter on all its linear layers; 22 layers of width
2048 are 1.1 billion parameters.
"""

import json
import sys
from pathlib import Path

import torch
from peft import LoraConfig, get_peft_model
from transformers import LlamaConfig, LlamaForCausalLM

from ftk.testing.tiny_model import write_tiny_model

FILES = 5


def make(layers: int, width: int, folder: Path) -> None:
    """Write both."""
    config = LlamaConfig(
        vocab_size=16 * width,
        hidden_size=width,
        intermediate_size=width * 11 // 4,
        num_hidden_layers=layers,
        num_attention_heads=width // 32,
        num_key_value_heads=max(1, width // 512),
    )
    torch.manual_seed(0)
    torch.set_default_dtype(torch.bfloat16)
    model = LlamaForCausalLM(config)
    write_tiny_model(folder / "base")  # its tokenizer
    (folder / "base/model.safetensors").unlink()
    size = sum(weight.numel() for weight in model.parameters()) * 2
    model.save_pretrained(folder / "base", max_shard_size=size // (FILES - 1))
    settings = LoraConfig(r=16, target_modules="all-linear", init_lora_weights=False, task_type="CAUSAL_LM")
    get_peft_model(model, settings).save_pretrained(str(folder / "adapter"))
    about = json.loads((folder / "adapter/adapter_config.json").read_text())
    about["base_model_name_or_path"] = str(folder / "base")
    (folder / "adapter/adapter_config.json").write_text(json.dumps(about))


if __name__ == "__main__":
    make(int(sys.argv[1]), int(sys.argv[2]), Path(sys.argv[3]))
