"""The command that merges an adapter into its model: `python -m ftk_transformers.merge MODEL ADAPTER OUT`."""

from pathlib import Path

from ftk_transformers.command import run_command


def merge(base: Path, adapter: Path, target: Path) -> None:
    """Merge the adapter in the folder `adapter` into the model in the folder `base`, and write `target`.

    This is computed in float32 and rounded once, to the type in which the base model is stored.
    """
    import torch
    from peft import PeftModel
    from transformers import AutoModelForCausalLM

    from ftk.files import new_folder
    from ftk_transformers.model_folder import copy_companions, stored_type

    model = AutoModelForCausalLM.from_pretrained(base, dtype=torch.float32)
    merged = PeftModel.from_pretrained(model, adapter).merge_and_unload()
    with new_folder(target) as folder:
        merged.to(stored_type(base)).save_pretrained(folder)
        copy_companions(base, folder)


if __name__ == "__main__":
    run_command(merge)
