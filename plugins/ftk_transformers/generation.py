"""Complete prompts in batches, with a model and perhaps an adapter."""

import json
import time
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import torch
from peft import PeftModel
from transformers import AutoModelForCausalLM, AutoTokenizer

from ftk.files import write_text
from ftk.reporter import Reporter
from ftk_transformers.embeddings import resize, rows_with
from ftk_transformers.model_folder import stored_type
from ftk_transformers.prompts import Options, Prompt, batches, read_prompts

BATCH = 16
"""Prompts that are completed at once."""

NO_ADAPTER = Path("-")


@dataclass(frozen=True)
class Completion:
    """What a model made of a prompt.

    :param text: without special tokens.
    :param tokens: how many were generated, with the one that ends the text.
    :param finish: `stop` when the model ended it, `length` when it was cut off.
    """

    text: str
    tokens: int
    finish: str


class Generator:
    """A model that completes prompts.

    :param base: the folder of the model.
    :param tokenizer: the folder of the tokenizer, whose tokens all get embeddings.
    :param adapter: the folder of an adapter to use with it, or `NO_ADAPTER`.
    """

    def __init__(self, base: Path, tokenizer: Path, adapter: Path) -> None:
        device = "cuda" if torch.cuda.is_available() else "cpu"
        dtype = stored_type(base) if device == "cuda" else torch.float32
        model: Any = AutoModelForCausalLM.from_pretrained(base, dtype=dtype, attn_implementation="sdpa")
        self.tokenizer: Any = AutoTokenizer.from_pretrained(tokenizer)
        torch.manual_seed(0)  # embeddings that nobody trained are drawn
        resize(model, rows_with(len(self.tokenizer), model, None if adapter == NO_ADAPTER else adapter))
        if adapter != NO_ADAPTER:
            # Merged, an adapter costs nothing more per token.
            model = PeftModel.from_pretrained(model, adapter).merge_and_unload()
        self.device = device
        self.model = model.to(device).eval()
        self.ends = self._ends()

    def _ends(self) -> set[int]:
        """The tokens that end a text: those of the model, and the tokenizer's, which training appends."""
        ends = self.model.generation_config.eos_token_id
        known = ends if isinstance(ends, list) else [ends]
        return {end for end in [*known, self.tokenizer.eos_token_id] if end is not None}

    @torch.inference_mode()
    def complete(self, prompts: Sequence[Prompt]) -> list[Completion]:
        """Complete prompts that share their options, all at once."""
        width = max(len(prompt.input_ids) for prompt in prompts)
        padding = [width - len(prompt.input_ids) for prompt in prompts]
        ids = [[0] * pad + prompt.input_ids for pad, prompt in zip(padding, prompts, strict=True)]
        mask = [[0] * pad + [1] * (width - pad) for pad in padding]
        output = self.model.generate(
            torch.tensor(ids, device=self.device),
            attention_mask=torch.tensor(mask, device=self.device),
            **self._options(prompts[0].options),
        )
        return [self._completion(row) for row in output[:, width:].tolist()]

    def _options(self, options: Options) -> dict[str, Any]:
        drawn = {"do_sample": True, "temperature": options.temperature, "top_k": 0, "top_p": 1.0}
        return {
            **(drawn if options.temperature else {"do_sample": False}),
            "max_new_tokens": options.max_new_tokens,
            "eos_token_id": sorted(self.ends) or None,
            "pad_token_id": min(self.ends, default=0),
        }

    def _completion(self, row: list[int]) -> Completion:
        """Cut off what follows the first end: it is padding."""
        end = next((place for place, token in enumerate(row) if token in self.ends), None)
        new = row if end is None else row[: end + 1]
        text = self.tokenizer.decode(new, skip_special_tokens=True)
        return Completion(text, len(new), "length" if end is None else "stop")


def generate(base: Path, tokenizer: Path, adapter: Path, source: Path, target: Path) -> None:
    """Complete the prompts in the file `source` and write the file `target`, in the same order.

    :param base: the folder of the model.
    :param tokenizer: the folder of the tokenizer.
    :param adapter: the folder of an adapter to use with it, or `-`.
    """
    reporter = Reporter.from_environment()
    generator = Generator(base, tokenizer, adapter)
    prompts = read_prompts(source, generator.tokenizer)
    completions: dict[int, Completion] = {}
    began = time.monotonic()
    for batch in batches(prompts, BATCH):
        numbers = [prompt.number for prompt in batch]
        completions.update(zip(numbers, generator.complete(batch), strict=True))
        reporter.emit(
            "generation",
            done=len(completions),
            of=len(prompts),
            tokens=sum(completion.tokens for completion in completions.values()),
            seconds=time.monotonic() - began,
        )
    lines = [json.dumps(asdict(completions[prompt.number]), ensure_ascii=False) for prompt in prompts]
    write_text(target, "".join(f"{line}\n" for line in lines))
