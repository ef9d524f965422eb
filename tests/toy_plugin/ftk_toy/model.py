"""The toy model: a tokenizer of characters, and no weights."""

import json
from io import BytesIO
from pathlib import Path
from typing import Any

from ftk.plugin import files

END = "</s>"

CHARACTERS = "\n" + "".join(chr(code) for code in range(32, 127))


def write(folder: Path) -> None:
    """Write the model's files into an empty folder."""
    files.write_json(folder / "config.json", {"model_type": "toy"})
    # As one that is fetched from elsewhere.
    files.write_stream(folder / "tokenizer.json", BytesIO(json.dumps(_tokenizer()).encode()))
    files.write_json(folder / "tokenizer_config.json", {"eos_token": END})


def _tokenizer() -> dict[str, Any]:
    """A tokenizer.json (https://huggingface.co/docs/tokenizers) with a token for each printable ASCII character."""
    special = {"special": True, "single_word": False, "lstrip": False, "rstrip": False, "normalized": False}
    vocabulary = {token: number for number, token in enumerate([END, *CHARACTERS])}
    return {
        "version": "1.0",
        "added_tokens": [{"id": 0, "content": END, **special}],
        "decoder": {"type": "Fuse"},
        "model": {"type": "BPE", "vocab": vocabulary, "merges": [], "unk_token": END},
    }
