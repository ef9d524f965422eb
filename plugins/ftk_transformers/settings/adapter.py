"""The adapter: which weights are trained beside frozen ones."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from ftk_transformers.settings.declaring import Group, choice, flag, mapping, number, setting, texts, whole

_RANKS = {"additionalProperties": {"type": "integer", "minimum": 1}}


@dataclass(frozen=True)
class Adapter(Group):
    """Keys of LoRA and its kin, as peft has them."""

    adapter: str | None = choice(["lora", "qlora", None], None, "empty trains all weights; `qlora` needs CUDA")
    lora_model_dir: str | None = setting(
        ["string", "null"], None, "folder of an adapter to go on from; the run keeps a copy"
    )
    lora_r: int = whole(8, 1, "rank")
    lora_alpha: int = whole(16, 1, "scale, in units of 1/rank")
    lora_dropout: float = number(0.0, "dropout before the adapter", minimum=0, exclusiveMaximum=1)
    lora_target_linear: bool = flag(False, "an adapter on every linear layer but the head")
    lora_target_modules: list[str] | str | None = texts("names of layers, or one regular expression", or_text=True)
    lora_target_parameters: list[str] | str | None = texts("names of bare parameters, as of experts", or_text=True)
    lora_modules_to_save: list[str] | None = texts("modules trained whole and saved with the adapter")
    lora_fan_in_fan_out: bool = flag(False, "for layers that keep weights transposed (GPT-2)")
    lora_rank_pattern: Mapping[str, int] | None = mapping("ranks of single layers, by regular expression", **_RANKS)
    lora_alpha_pattern: Mapping[str, int] | None = mapping("the same for alpha", **_RANKS)
    peft_use_dora: bool = flag(False, "DoRA: magnitude and direction apart")
    peft_use_rslora: bool = flag(False, "scale by the root of the rank")
    peft_init_lora_weights: bool | str | None = setting(
        ["boolean", "string", "null"], None, "how adapters begin, such as `gaussian` or `pissa`"
    )
    peft_layers_to_transform: list[int] | None = setting(
        ["array", "null"], None, "numbers of the blocks that get adapters", items={"type": "integer"}
    )
    peft_layers_pattern: list[str] | None = texts("the name of the list of blocks, such as `layers`")
    peft_trainable_token_indices: list[int] | Mapping[str, list[int]] | None = setting(
        ["array", "object", "null"], None, "single tokens whose embeddings are trained"
    )
    peft_ensure_weight_tying: bool = flag(False, "keep tied embeddings and head tied, where one of them is saved")
    peft_autocast_adapter_dtype: bool = flag(True, "keep the adapter in float32 on a base in 16 bits")
    load_in_8bit: bool = flag(False, "frozen weights in 8 bits; needs CUDA and bitsandbytes")
    load_in_4bit: bool = flag(False, "the same in 4 bits, which is what makes LoRA QLoRA")
    bnb_config_kwargs: Mapping[str, Any] | None = mapping("options of the 4-bit quantisation")

    @property
    def targets(self) -> list[str] | str | None:
        """What peft calls `target_modules`."""
        return "all-linear" if self.lora_target_linear else self.lora_target_modules
