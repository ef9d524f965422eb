"""The model: its precision, attention and embeddings, and what is kept of a forward pass."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from ftk_transformers.settings.declaring import Group, choice, flag, mapping, setting, texts

ATTENTION_FLAGS: Mapping[str, str] = {
    "eager_attention": "eager",
    "sdp_attention": "sdpa",
    "flash_attention": "flash_attention_2",
    "flex_attention": "flex_attention",
    "xformers_attention": "xformers",
}
"""The keys that choose an attention, each with its name for `attn_implementation`."""

ATTENTIONS = [*ATTENTION_FLAGS.values(), "flash_attention_3"]


@dataclass(frozen=True)
class Weights(Group):
    """Keys of the model itself."""

    bf16: bool | str | None = choice(["auto", True, False, None], "auto", "mixed precision in bfloat16, on GPUs")
    fp16: bool | None = flag(None, "mixed precision in float16, on GPUs")
    bfloat16: bool | None = flag(None, "another name for `bf16`")
    float16: bool | None = flag(None, "another name for `fp16`")
    float32: bool | None = flag(None, "no mixed precision")
    tf32: bool | str | None = choice(
        ["auto", True, False, None], None, "TensorFloat-32 in float32 products, on GPUs; `auto` on those that have it"
    )
    attn_implementation: str | None = choice([*ATTENTIONS, None], None, "how attention is computed; `sdpa` if empty")
    eager_attention: bool | None = flag(None, "plain attention")
    sdp_attention: bool | None = flag(None, "PyTorch's own fast attention")
    flash_attention: bool | None = flag(None, "FlashAttention, on GPUs")
    flex_attention: bool | None = flag(None, "FlexAttention, on GPUs")
    xformers_attention: bool | None = flag(None, "xFormers' attention, whose kernels `sdpa` has")
    gradient_checkpointing: bool = flag(False, "compute activations anew instead of keeping them: less memory")
    gradient_checkpointing_kwargs: Mapping[str, Any] | None = mapping("its options, such as `use_reentrant`")
    torch_compile: bool | str | None = choice(
        ["auto", True, False, None], None, "compile the model, on GPUs; `auto` is `true`"
    )
    neftune_noise_alpha: float | None = setting(["number", "null"], None, "noise on embeddings (NEFTune)", minimum=0)
    unfrozen_parameters: list[str] | None = texts("without an adapter, regular expressions of the weights to train")
    resize_token_embeddings_to_32x: bool = flag(False, "a number of embeddings that 32 divides")
    shrink_embeddings: bool = flag(False, "drop embeddings that no token of the tokenizer has")
    mean_resizing_embeddings: bool = flag(True, "new embeddings begin near the mean of the old ones")
    strict: bool | None = flag(None, "unknown keys are refused, whatever this says")

    @property
    def attention(self) -> str:
        """The attention that the config asks for."""
        chosen = (name for key, name in ATTENTION_FLAGS.items() if getattr(self, key))
        return self.attn_implementation or next(chosen, "sdpa")

    @property
    def wants_bf16(self) -> bool:
        """Whether bfloat16 is asked for, or welcome where nothing is said."""
        return not self.float32 and not self.wants_fp16 and (self.bf16 in (True, "auto") or bool(self.bfloat16))

    @property
    def wants_fp16(self) -> bool:
        """Whether float16 is asked for."""
        return bool(self.fp16 or self.float16)
