"""A model so small that anything can be done with it in an instant, written without any engine's library."""

import json
import struct
from array import array
from collections.abc import Mapping
from pathlib import Path
from random import Random
from typing import Any

from ftk import files

END = "</s>"

HIDDEN, INNER, LAYERS, HEADS = 32, 64, 2, 4


def write_tiny_model(folder: Path) -> Path:
    """Write a Llama of two layers with random weights and a tokenizer of bytes, as Hugging Face models lie in a folder.

    :param folder: is made.
    :returns: the folder.
    """
    vocabulary = _vocabulary()
    files.write_json(folder / "tokenizer.json", _tokenizer(vocabulary))
    tokens = {"eos_token": END, "pad_token": END}
    files.write_json(folder / "tokenizer_config.json", {"tokenizer_class": "PreTrainedTokenizerFast", **tokens})
    files.write_json(folder / "config.json", _config(len(vocabulary)))
    files.write_json(folder / "generation_config.json", {"eos_token_id": 0, "pad_token_id": 0})
    files.write_bytes(folder / "model.safetensors", _weights(len(vocabulary)))
    return folder


def _vocabulary() -> dict[str, int]:
    from tokenizers import pre_tokenizers

    return {token: number for number, token in enumerate([END, *sorted(pre_tokenizers.ByteLevel.alphabet())])}


def _tokenizer(vocabulary: Mapping[str, int]) -> Any:
    from tokenizers import Tokenizer, decoders, models, pre_tokenizers

    tokenizer = Tokenizer(models.BPE(dict(vocabulary), []))
    tokenizer.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    tokenizer.decoder = decoders.ByteLevel()
    tokenizer.add_special_tokens([END])
    return json.loads(tokenizer.to_str())


def _config(vocabulary: int) -> dict[str, Any]:
    return {
        "architectures": ["LlamaForCausalLM"],
        "model_type": "llama",
        "vocab_size": vocabulary,
        "hidden_size": HIDDEN,
        "intermediate_size": INNER,
        "num_hidden_layers": LAYERS,
        "num_attention_heads": HEADS,
        "num_key_value_heads": HEADS,
        "max_position_embeddings": 512,
        "rms_norm_eps": 1e-6,
        "bos_token_id": None,
        "eos_token_id": 0,
        "tie_word_embeddings": False,
        "torch_dtype": "float32",
    }


def _shapes(vocabulary: int) -> dict[str, tuple[int, ...]]:
    shapes: dict[str, tuple[int, ...]] = {
        "lm_head.weight": (vocabulary, HIDDEN),
        "model.embed_tokens.weight": (vocabulary, HIDDEN),
        "model.norm.weight": (HIDDEN,),
    }
    for layer in range(LAYERS):
        name = f"model.layers.{layer}"
        shapes |= {f"{name}.{norm}_layernorm.weight": (HIDDEN,) for norm in ("input", "post_attention")}
        shapes |= {f"{name}.self_attn.{part}_proj.weight": (HIDDEN, HIDDEN) for part in "qkvo"}
        shapes |= {f"{name}.mlp.{part}_proj.weight": (INNER, HIDDEN) for part in ("gate", "up")}
        shapes[f"{name}.mlp.down_proj.weight"] = (HIDDEN, INNER)
    return shapes


def _weights(vocabulary: int) -> bytes:
    """A safetensors file (https://huggingface.co/docs/safetensors): size of the header, header, numbers."""
    header: dict[str, Any] = {"__metadata__": {"format": "pt"}}
    random, numbers = Random(0), array("f")
    for name, shape in _shapes(vocabulary).items():
        start = len(numbers) * numbers.itemsize
        count = shape[0] * (shape[1] if len(shape) == 2 else 1)
        # Norms are vectors of ones, as in a model that was just made.
        numbers.extend([1.0] * count if len(shape) == 1 else [random.gauss(0, 0.05) for _ in range(count)])
        end = len(numbers) * numbers.itemsize
        header[name] = {"dtype": "F32", "shape": list(shape), "data_offsets": [start, end]}
    text = json.dumps(header).encode()
    text += b" " * (-len(text) % 8)
    return struct.pack("<Q", len(text)) + text + numbers.tobytes()
