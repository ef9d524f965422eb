"""The optimizer and its learning rate."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from ftk_transformers.settings.declaring import Group, choice, mapping, number, setting, whole

OPTIMIZERS = ["adamw_torch", "adamw_torch_fused", "sgd", "adafactor", "adagrad", "rmsprop", "lion_32bit"]
"""Those that work everywhere."""

GPU_OPTIMIZERS: Mapping[str, str] = {
    "adamw_hf": "adamw_torch",
    "adamw_8bit": "adamw_torch",
    "adamw_bnb_8bit": "adamw_torch",
    "adamw_torch_4bit": "adamw_torch",
    "adamw_torch_8bit": "adamw_torch",
    "paged_adamw_8bit": "adamw_torch",
    "paged_adamw_32bit": "adamw_torch",
    "lion_8bit": "lion_32bit",
    "paged_lion_8bit": "lion_32bit",
    "paged_lion_32bit": "lion_32bit",
    "rmsprop_bnb": "rmsprop",
    "rmsprop_bnb_8bit": "rmsprop",
    "rmsprop_bnb_32bit": "rmsprop",
}
"""Those that need a GPU (and the first, which is gone), each with its kin of the same mathematics in 32 bits."""

SCHEDULERS = [
    "cosine",
    "linear",
    "constant",
    "constant_with_warmup",
    "polynomial",
    "cosine_with_restarts",
    "cosine_with_min_lr",
    "inverse_sqrt",
    "warmup_stable_decay",
    "rex",
    "one_cycle",
]


@dataclass(frozen=True)
class Optimization(Group):
    """Keys of the optimizer and of the learning rate's course."""

    optimizer: str = choice(
        [*OPTIMIZERS, *GPU_OPTIMIZERS], "adamw_torch", "those in 8 or 4 bits and paged ones work on GPUs"
    )
    optim_args: Mapping[str, Any] | str | None = setting(
        ["object", "string", "null"], None, "further arguments of the optimizer, such as `momentum=0.9`"
    )
    adam_beta1: float | None = number(None, "of Adam and Lion; 0.9 if empty", minimum=0, exclusiveMaximum=1)
    adam_beta2: float | None = number(None, "of Adam and Lion; 0.999 if empty", minimum=0, exclusiveMaximum=1)
    adam_epsilon: float | None = number(None, "of Adam; 1e-8 if empty", exclusiveMinimum=0)
    weight_decay: float = number(0.0, "on all weights but biases and norms", minimum=0)
    max_grad_norm: float = number(1.0, "gradients are clipped to this norm; 0 for never", minimum=0)
    learning_rate: float = number(2e-4, "at its highest", exclusiveMinimum=0)
    embedding_lr: float | None = number(None, "the same for embeddings and head", exclusiveMinimum=0)
    embedding_lr_scale: float | None = number(None, "or as a multiple of `learning_rate`", exclusiveMinimum=0)
    loraplus_lr_ratio: float | None = number(None, "LoRA+: the rate of B as a multiple of A's", exclusiveMinimum=0)
    loraplus_lr_embedding: float | None = number(
        None, "LoRA+: the rate of adapters on embeddings; 1e-6 if empty", exclusiveMinimum=0
    )
    lr_scheduler: str = choice(SCHEDULERS, "cosine", "the learning rate's course after the warm-up")
    lr_scheduler_kwargs: Mapping[str, Any] | None = mapping("its options, such as `num_cycles`")
    cosine_min_lr_ratio: float | None = number(
        None, "`cosine` and `rex` end at this share of the learning rate", minimum=0, maximum=1
    )
    warmup_steps: int | None = whole(None, 0, "steps in which the learning rate rises from 0")
    warmup_ratio: float | None = number(None, "the same as a share of all steps", minimum=0, maximum=1)

    def warmup(self, steps: int) -> int:
        """The steps of the warm-up, of `steps` in all."""
        return int(self.warmup_ratio * steps) if self.warmup_ratio else self.warmup_steps or 0

    @property
    def embedding_rate(self) -> float | None:
        """The learning rate of embeddings, where it is not that of all weights."""
        return self.embedding_lr or (self.embedding_lr_scale and self.embedding_lr_scale * self.learning_rate)
