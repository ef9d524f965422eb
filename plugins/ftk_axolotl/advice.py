"""Known failures of axolotl and DeepSpeed, with their remedies."""

from ftk.plugin import SMALLER, Advice

ADVICE = (
    Advice(
        r"CUDA out of memory|CUDA error: out of memory|torch\.OutOfMemoryError",
        "the GPU's memory is used up",
        f"{SMALLER}, or use more GPUs with `deepspeed: zero3`",
    ),
    Advice(
        # The second is how trainers of other versions say it, which `ftk.environments` may name.
        r"axolotl has trained no step|ZeroDivisionError: (integer |float )?(division|modulo) by zero",
        "an epoch has no step: there are fewer rows than one batch of all processes needs",
        "add rows, or lower micro_batch_size, gradient_accumulation_steps or the number of GPUs;"
        " with sample_packing, lower sequence_len",
    ),
    Advice(
        r"num_samples should be a positive integer value, but got num_samples=0",
        "axolotl has left out all rows",
        "raise sequence_len, or correct the data set's `type`",
    ),
    Advice(
        r"eval dataset split is too small for sample_packing",
        "the held-out rows are too few to be packed",
        "set eval_sample_packing: false, or raise val_set_size",
    ),
    Advice(
        r"No module named 'flash_attn'|FlashAttention\d has been toggled on, but it cannot be used"
        r"|no flash-attn build is available in this environment",
        "flash-attn is not installed beside axolotl",
        "set attn_implementation: sdpa, or install flash-attn there",
    ),
    Advice(
        r"'Accelerator' object has no attribute 'deepspeed_config'",
        "a logger of axolotl's own asks for a DeepSpeed config that is not there",
        "remove wandb_log_model from the config: ftk's loggers send the model",
    ),
    Advice(
        r"axolotl trains with .* asked for",
        "DeepSpeed or a process was asked for and is not there",
        "look for ACCELERATE_ variables in your environment and for an accelerate config in your home folder",
    ),
    Advice(
        r"Value error, (.{1,200}?) \[type=value_error",
        r"axolotl refuses the config: \1",
        "`ftk run --resume RUN --from train --set KEY=VALUE` changes a key",
    ),
    Advice(
        r"validation errors? for AxolotlConfig",
        "axolotl refuses the config",
        "`ftk logs RUN` names the keys near its end; `ftk run --resume RUN --from train --set KEY=VALUE` changes one",
    ),
    Advice(
        r"AssertionError: Torch not compiled with CUDA enabled",  # without the first word, axolotl always warns so
        "a part of axolotl that needs a GPU was asked for on a CPU",
        "remove the key that asks for it; the README names those that ftk adapts by itself",
    ),
)
