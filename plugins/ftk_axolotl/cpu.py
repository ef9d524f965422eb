"""What axolotl must be told where there is no GPU: the adaptation to CPUs, applied to the run's axolotl.yml."""

from collections.abc import Mapping
from typing import Any

from ftk_axolotl.deepspeed import in_float32

ALWAYS: Mapping[str, Any] = {
    "bf16": False,  # absent, axolotl trains in fp16 without a word
    "lora_mlp_kernel": False,  # absent, axolotl turns on kernels that only a GPU has
    "lora_qkv_kernel": False,
    "lora_o_kernel": False,
}

READERS = ("dataloader_num_workers", "dataloader_prefetch_factor")
"""Keys of the processes that read rows ahead. Without them axolotl has one in each epoch, and a process that talks to
others by gloo may hang while it starts one: so it does after some hundred epochs of two processes."""

GPU_OPTIMIZERS = ("bnb", "8bit", "4bit", "fp8", "paged")
"""Parts of the names of optimizers whose kernels need a GPU."""

GPU_ATTENTION = ("flash_attention", "xformers_attention", "sage_attention", "flex_attention")
"""Keys that choose an attention whose kernels need a GPU."""

GPU_PLUGINS = (
    "axolotl.integrations.liger.",
    "axolotl.integrations.cut_cross_entropy.",
    "axolotl.integrations.kernels.",
)


def adapted(config: Mapping[str, Any]) -> dict[str, Any]:
    """The keys that a CPU needs otherwise than this config has them, each with its new value."""
    changes = {key: value for key, value in ALWAYS.items() if config.get(key) != value}
    changes |= {key: False for key in ("fp16", "tf32") if config.get(key)}
    if all(config.get(key) is None for key in READERS):
        changes["dataloader_num_workers"] = 0
    if any(part in str(config.get("optimizer") or "") for part in GPU_OPTIMIZERS):
        changes["optimizer"] = "adamw_torch"
    if config.get("attn_implementation") not in (None, "sdpa", "eager"):
        changes["attn_implementation"] = "sdpa"
    for key in GPU_ATTENTION:
        if config.get(key):
            changes |= {key: None, "attn_implementation": "sdpa"}
    if config.get("gradient_checkpointing") in ("offload", "offload_disk"):
        changes["gradient_checkpointing"] = True
    if config.get("load_in_8bit"):
        changes["load_in_8bit"] = False
    plugins = config.get("plugins") or []
    kept = [name for name in plugins if not name.startswith(GPU_PLUGINS)]
    if kept != plugins:
        changes["plugins"] = kept
    if isinstance(config.get("deepspeed"), Mapping):
        changes["deepspeed"] = in_float32(config["deepspeed"])
    return changes
