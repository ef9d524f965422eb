"""Known failures of training and generation, with their remedies."""

from ftk.plugin import SMALLER, Advice

ADVICE = (
    Advice(
        r"CUDA out of memory|CUDA error: out of memory|OutOfMemoryError",
        "the GPU's memory is used up",
        f"{SMALLER}, or use more GPUs",
    ),
    Advice(
        r"NVIDIA driver on your system is too old|CUDA driver version is insufficient",
        "the GPU's driver is too old for this PyTorch",
        "update the driver, or install PyTorch's build for an older CUDA; `ftk doctor` tells both versions",
    ),
    Advice(
        r"no kernel image is available for execution",
        "this PyTorch has no code for this GPU",
        "install a PyTorch build that supports it; CUDA_VISIBLE_DEVICES= trains on the CPU",
    ),
    Advice(
        r"device-side assert triggered",
        "a computation on the GPU was given an index out of range, such as a token that the model has no embedding for",
        "CUDA_VISIBLE_DEVICES= ftk run --resume RUN shows on the CPU which one",
    ),
    Advice(
        r"No module named '(fastapi|uvicorn|openai|pydantic)'",
        "the libraries of the embedded server are missing",
        '`pip install "transformers[serving]"` brings them',
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
