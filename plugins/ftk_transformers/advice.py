"""Known failures of training and generation, with their remedies."""

from ftk.plugin import SMALLER, Advice

ADVICE = (
    Advice(
        r"CUDA out of memory|CUDA error: out of memory|OutOfMemoryError",
        "the GPU's memory is used up",
        f"{SMALLER}, or use more GPUs",
    ),
    Advice(
        r"nothing to train",
        "the training would have no step",
        "add rows, or raise num_epochs or max_steps",
    ),
    Advice(
        r"Target modules .* not found in the base model",
        "lora_target_modules names layers that this model does not have",
        "correct the names, or set lora_target_linear: true",
    ),
)
