"""The adaptation to CPUs: what changes, and that nothing else does."""

from ftk_axolotl.cpu import ALWAYS, adapted


def test_what_a_cpu_always_needs() -> None:
    assert adapted({}) == ALWAYS


def test_an_adapted_config_stays() -> None:
    assert adapted(ALWAYS) == {}


def test_what_needs_a_gpu_is_replaced() -> None:
    config = {
        "optimizer": "adamw_bnb_8bit",
        "flash_attention": True,
        "gradient_checkpointing": "offload",
        "load_in_8bit": True,
        "tf32": True,
        "plugins": ["axolotl.integrations.liger.LigerPlugin", "mine.Plugin"],
        "deepspeed": {"bf16": {"enabled": True}},
    }
    assert adapted(config) == {
        **ALWAYS,
        "optimizer": "adamw_torch",
        "flash_attention": None,
        "attn_implementation": "sdpa",
        "gradient_checkpointing": True,
        "load_in_8bit": False,
        "tf32": False,
        "plugins": ["mine.Plugin"],
        "deepspeed": {"bf16": {"enabled": False}, "fp16": {"enabled": False}},
    }


def test_what_a_cpu_can_do_stays() -> None:
    config = {**ALWAYS, "optimizer": "adamw_torch", "attn_implementation": "eager", "gradient_checkpointing": True}
    assert adapted(config) == {}
