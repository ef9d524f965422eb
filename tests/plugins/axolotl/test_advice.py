"""What the failures of axolotl and DeepSpeed are answered with, in the words in which they come."""

import pytest

from ftk.advice import find_advice
from ftk_axolotl.advice import ADVICE

REFUSED = "pydantic_core._pydantic_core.ValidationError: 1 validation error for AxolotlConfigWCapabilities\n"

SHAPES = """\
pydantic_core._pydantic_core.ValidationError: 1 validation error for AxolotlConfigWCapabilities
datasets.0.SFTDataset.shards
  Input should be a valid integer, unable to parse string as an integer [type=int_parsing, input_value='many']
"""

NO_FLASH = (
    "  Value error, attn_implementation: flash_attention_3 is set, but no flash-attn build is available in this"
    " environment: the flash-attn package is not installed and the kernels hub has no prebuilt binary"
)


@pytest.mark.parametrize(
    ("output", "meaning", "remedy"),
    [
        (
            "torch.OutOfMemoryError: CUDA out of memory. Tried to allocate 2.00 GiB. GPU 0 has a total of 8 GiB",
            "the GPU's memory is used up",
            "`deepspeed: zero3`",
        ),
        ("RuntimeError: CUDA error: out of memory", "the GPU's memory is used up", "micro_batch_size=1"),
        ("axolotl has trained no step", "fewer rows than one batch", "lower micro_batch_size"),
        ("ZeroDivisionError: division by zero", "fewer rows than one batch", "lower micro_batch_size"),
        ("ZeroDivisionError: float division by zero", "fewer rows than one batch", "lower micro_batch_size"),
        (
            "AttributeError: 'Accelerator' object has no attribute 'deepspeed_config'",
            "asks for a DeepSpeed config",
            "remove wandb_log_model",
        ),
        (
            "ValueError: num_samples should be a positive integer value, but got num_samples=0",
            "left out all rows",
            "raise sequence_len",
        ),
        (
            "ValueError: eval dataset split is too small for sample_packing."
            " You should set `eval_sample_packing: False` in your config.",
            "too few to be packed",
            "set eval_sample_packing: false",
        ),
        ("ModuleNotFoundError: No module named 'flash_attn'", "flash-attn is not installed", "sdpa"),
        (
            "ImportError: FlashAttention2 has been toggled on, but it cannot be used due to the following error: the"
            " package for FlashAttention2 doesn't seem to be installed.",
            "flash-attn is not installed",
            "sdpa",
        ),
        (f"{REFUSED}{NO_FLASH}", "flash-attn is not installed", "sdpa"),
        (
            "axolotl trains with 1 processes together, where 2 were asked for",
            "DeepSpeed or a process was asked for",
            "ACCELERATE_ variables",
        ),
        (
            "axolotl trains with LlamaForCausalLM at ZeRO stage None, where stage 3 was asked for",
            "DeepSpeed or a process was asked for",
            "ACCELERATE_ variables",
        ),
        (
            f"{REFUSED}  Value error, Require cfg.load_in_4bit to be True for qlora [type=value_error, input",
            "axolotl refuses the config: Require cfg.load_in_4bit to be True for qlora",
            "--set KEY=VALUE",
        ),
        (SHAPES, "axolotl refuses the config", "`ftk logs RUN` names the keys"),
        (
            "AssertionError: Torch not compiled with CUDA enabled",
            "a part of axolotl that needs a GPU",
            "remove the key",
        ),
    ],
)
def test_a_known_failure_is_answered(output: str, meaning: str, remedy: str) -> None:
    found = find_advice(f"Traceback (most recent call last):\n{output}\n", 1, ADVICE)
    assert found is not None
    assert meaning in found.meaning
    assert remedy in found.remedy


def test_what_every_log_on_a_cpu_has_means_nothing() -> None:
    line = "[2026-11-29 09:25:03,135] [WARNING] [axolotl.utils.environment] Torch not compiled with CUDA enabled\n"
    assert find_advice(line, 1, ADVICE) is None


def test_a_traceback_through_the_trainer_alone_means_nothing() -> None:
    lines = '  File "trainer.py", line 1807\n    self.state.epoch = epoch + (step + 1) / steps_in_epoch\nKeyError: 1\n'
    assert find_advice(lines, 1, ADVICE) is None
