"""A training as a person writes it with trl's SFTTrainer: `python by_hand.py SETTINGS`, which prints speed and losses.

SETTINGS is a JSON file with `data`, `model`, `order` (the numbers of the rows), `steps` and `batch`.
"""

import json
import os
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

os.environ.setdefault("TQDM_DISABLE", "1")

from datasets import Dataset
from peft import LoraConfig
from transformers import AutoModelForCausalLM, AutoTokenizer, TrainerCallback
from trl import SFTConfig, SFTTrainer


class Clock(TrainerCallback):
    """Notes the time and the loss of each step."""

    def __init__(self) -> None:
        self.times: list[float] = []
        self.losses: list[float] = []

    def on_step_end(self, *args: Any, **kwargs: Any) -> None:
        self.times.append(time.time())

    def on_log(self, args: Any, state: Any, control: Any, logs: dict[str, float], **kwargs: Any) -> None:
        if "loss" in logs:
            self.losses.append(logs["loss"])


def train(settings: dict[str, Any], output: str) -> Clock:
    """Train, and return what the clock noted."""
    rows = Dataset.from_parquet(settings["data"], cache_dir=output).select(settings["order"])
    clock = Clock()
    SFTTrainer(
        AutoModelForCausalLM.from_pretrained(settings["model"], dtype="float32", attn_implementation="sdpa"),
        args=SFTConfig(
            output_dir=output,
            max_steps=settings["steps"],
            per_device_train_batch_size=settings["batch"],
            learning_rate=1e-3,
            lr_scheduler_type="constant",
            optim="adamw_torch",
            train_sampling_strategy="sequential",
            bf16=False,
            gradient_checkpointing=False,
            logging_steps=1,
            save_strategy="no",
            report_to="none",
        ),
        train_dataset=rows,
        processing_class=AutoTokenizer.from_pretrained(settings["model"]),
        peft_config=LoraConfig(task_type="CAUSAL_LM", r=16, lora_alpha=32, target_modules="all-linear"),
        callbacks=[clock],
    ).train()
    return clock


if __name__ == "__main__":
    with tempfile.TemporaryDirectory() as folder:
        noted = train(json.loads(Path(sys.argv[1]).read_text()), folder)
    print(json.dumps({"times": noted.times, "losses": noted.losses}))
