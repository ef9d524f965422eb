"""The adaptation to CPUs: what changes, and that nothing else does."""

from ftk_axolotl.cpu import ALWAYS, adapted

ABSENT = {**ALWAYS, "dataloader_num_workers": 0}


def test_what_a_cpu_always_needs() -> None:
    assert adapted({}) == ABSENT


def test_an_adapted_config_stays() -> None:
    assert adapted(ABSENT) == {}


def test_who_asks_for_processes_that_read_rows_has_them() -> None:
    assert adapted({"dataloader_num_workers": 2}) == ALWAYS
    assert adapted({"dataloader_prefetch_factor": 8}) == ALWAYS


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
        **ABSENT,
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
    config = {**ABSENT, "optimizer": "adamw_torch", "attn_implementation": "eager", "gradient_checkpointing": True}
    assert adapted(config) == {}
