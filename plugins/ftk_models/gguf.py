"""The command that makes a model folder of a GGUF file: `python -m ftk_models.gguf FILE.gguf OUT_FOLDER`."""

import os
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

from ftk.files import new_folder

if TYPE_CHECKING:
    from transformers import PreTrainedModel

QUIET = {"HF_HUB_OFFLINE": "1", "TQDM_DISABLE": "1"}
"""Keeps the libraries off the network and their progress bars out of the log; read while they are imported."""


def convert(source: Path, target: Path) -> None:
    """Write model (in bfloat16) and tokenizer of the GGUF file `source` to the folder `target`."""
    from transformers import AutoTokenizer

    model = load_model(source)
    tokenizer = AutoTokenizer.from_pretrained(source.parent, gguf_file=source.name)
    with new_folder(target) as folder:
        model.save_pretrained(folder)
        tokenizer.save_pretrained(folder)


def load_model(source: Path) -> "PreTrainedModel":
    """The model in the GGUF file `source`, unpacked: what stays packed cannot be trained or saved.

    :raises ValueError: when the file lacks weights, which transformers would fill with random numbers.
    """
    import torch
    from transformers import AutoModelForCausalLM, GgufConfig

    loaded: Any = AutoModelForCausalLM.from_pretrained(
        source.parent,
        gguf_file=source.name,
        quantization_config=GgufConfig(dequantize=True),
        dtype=torch.bfloat16,
        output_loading_info=True,
    )
    model: PreTrainedModel
    model, about = loaded
    if missing := about["missing_keys"]:
        raise ValueError(f"it lacks {len(missing)} weights, such as {min(missing)}")
    return model


def main() -> None:
    """Run the command; a file that cannot be converted ends it with one line and exit code 1."""
    os.environ.update(QUIET)
    source, target = map(Path, sys.argv[1:])
    try:
        convert(source, target)
    except Exception as error:  # the readers have no error of their own: a broken file raises anything
        reason = str(error).partition("\n")[0] or type(error).__name__
        sys.exit(f"{source.name} is damaged or of a kind that cannot be converted: {reason}")


if __name__ == "__main__":
    main()
