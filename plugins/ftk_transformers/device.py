"""What the device at hand can train with, where a config asks for something else."""

from collections.abc import Iterator
from dataclasses import dataclass
from importlib.util import find_spec
from typing import Self

import torch
from transformers.utils.import_utils import is_torch_tf32_available

from ftk.reporter import Reporter
from ftk_transformers.command import CommandError
from ftk_transformers.settings import Settings
from ftk_transformers.settings.optimization import GPU_OPTIMIZERS

CPU_ATTENTIONS = ("eager", "sdpa")

USED_WITHOUT_SHAPE = ("adapter", "lora_model_dir", "load_in_8bit", "load_in_4bit", "bnb_config_kwargs")
"""Keys of an adapter that do not say what a new one looks like."""


@dataclass(frozen=True)
class Device:
    """Where and how a training runs.

    :param dtype: the type of matrix products: float32, bfloat16 or float16.
    :param optimizer: its name, as `ftk_transformers.optimizers` knows it.
    :param attention: the attention, as transformers names it.
    :param compiles: whether the model is compiled.
    :param tf32: whether float32 products are computed in TensorFloat-32.
    """

    name: str
    dtype: torch.dtype
    optimizer: str
    attention: str
    compiles: bool = False
    tf32: bool = False

    @classmethod
    def choose(cls, settings: Settings, reporter: Reporter) -> Self:
        """The best device of this machine; the person is told of what it cannot do.

        :raises CommandError: where it can do nothing in place of what is asked for.
        """
        on_gpu = torch.cuda.is_available()
        adapted = _on_gpu(settings) if on_gpu else _on_cpu(settings)
        for key, reason in adapted.items():
            reporter.notice(f"{key}: {reason}")
        asked, optimizer = settings.weights, settings.optimization.optimizer
        attention = "sdpa" if "attention" in adapted else asked.attention
        if not on_gpu:
            return cls("cpu", torch.float32, GPU_OPTIMIZERS.get(optimizer, optimizer), attention)
        dtype = torch.float16 if asked.wants_fp16 else torch.float32
        if asked.wants_bf16 and torch.cuda.is_bf16_supported():
            dtype = torch.bfloat16
        optimizer = GPU_OPTIMIZERS[optimizer] if "optimizer" in adapted else optimizer
        tf32 = is_torch_tf32_available() if asked.tf32 == "auto" else bool(asked.tf32)
        return cls("cuda", dtype, optimizer, attention, bool(asked.torch_compile), tf32)

    @property
    def dtype_name(self) -> str:
        """The type's name, as configs have it."""
        return str(self.dtype).removeprefix("torch.")


def _on_cpu(settings: Settings) -> dict[str, str]:
    """What a CPU does otherwise than the config says: by key, the reason."""
    weights, adapter = settings.weights, settings.adapter
    for key in ("load_in_4bit", "load_in_8bit"):
        if getattr(adapter, key):
            raise CommandError(f"{key}: this needs CUDA; run it on a GPU, or set {key}: false and adapter: lora")
    adapted: dict[str, str] = {}
    for key in ("bf16", "bfloat16", "fp16", "float16"):
        if getattr(weights, key) is True:
            # Products in 16 bits run a hundred times slower than float32 ones on CPUs without units for them.
            adapted[key] = "this CPU trains in float32, which is faster here and more exact"
    for key, what in (("tf32", "TensorFloat-32"), ("torch_compile", "compiling")):
        if getattr(weights, key) is True:
            adapted[key] = f"{what} is for GPUs; this CPU goes on without it"
    if weights.attention not in CPU_ATTENTIONS:
        adapted["attention"] = f"{weights.attention} needs a GPU; this CPU computes the same with sdpa"
    if settings.reporting.dataloader_pin_memory:
        adapted["dataloader_pin_memory"] = "page-locked memory is for GPUs"
    return {**adapted, **_optimizer(settings, "needs a GPU"), **dict(_everywhere(settings))}


def _on_gpu(settings: Settings) -> dict[str, str]:
    """The same of a GPU."""
    adapted = dict(_everywhere(settings))
    attention = settings.weights.attention
    if attention == "xformers":
        adapted["attention"] = "sdpa has the kernels of xformers"
    elif attention.startswith("flash_attention") and not find_spec("flash_attn"):
        adapted["attention"] = f"{attention} needs the package flash-attn; sdpa computes the same"
    elif settings.batches.sample_packing and attention not in CPU_ATTENTIONS:
        adapted["attention"] = f"packed rows are kept apart with sdpa here, not with {attention}"
    if settings.weights.wants_bf16 and not torch.cuda.is_bf16_supported():
        adapted["bf16"] = "this GPU has no bfloat16; it trains in float32"
    if settings.optimization.optimizer == "adamw_hf" or not find_spec("bitsandbytes"):
        adapted |= _optimizer(settings, "is not installed")
    return adapted


def _optimizer(settings: Settings, reason: str) -> dict[str, str]:
    name = settings.optimization.optimizer
    kin = GPU_OPTIMIZERS.get(name)
    return {"optimizer": f"{name} {reason}; {kin} takes its place"} if kin else {}


def _everywhere(settings: Settings) -> Iterator[tuple[str, str]]:
    """What this engine does otherwise on every device."""
    if settings.preference.rl and settings.adapter.lora_dropout:
        yield "lora_dropout", "0 in training on preferences, as dropout would blur what is compared"
    if settings.weights.strict is False:
        yield "strict", "unknown keys are refused all the same"
    adapter = settings.adapter
    idle = ", ".join(key for key in adapter.keys_in_use() if key not in USED_WITHOUT_SHAPE)
    if idle and not settings.trains_adapter:
        yield idle, "not used, since `adapter` is empty: all weights are trained"
    elif idle and adapter.lora_model_dir:
        yield idle, "not used, since the adapter of lora_model_dir has its own shape"
