"""Complete prompts in batches, with a model and perhaps an adapter."""

import json
import time
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import torch

from ftk.files import locked, write_text
from ftk.plugin import KeptAnswers
from ftk.reporter import Reporter
from ftk_transformers.loading import DEVICE, ends_of, load, load_tokenizer
from ftk_transformers.prompts import Options, Prompt, batches, read_prompts
from ftk_transformers.streaming import Pieces

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
        self.tokenizer = load_tokenizer(tokenizer)
        self.model = load(base, self.tokenizer, None if adapter == NO_ADAPTER else adapter)
        self.ends = ends_of(self.model, self.tokenizer)

    @torch.inference_mode()
    def complete(self, prompts: Sequence[Prompt], tell: Callable[[str], None]) -> list[Completion]:
        """Complete prompts that share their options, all at once.

        :param tell: is given the pieces of a completion that is streamed.
        """
        width = max(len(prompt.input_ids) for prompt in prompts)
        padding = [width - len(prompt.input_ids) for prompt in prompts]
        ids = [[0] * pad + prompt.input_ids for pad, prompt in zip(padding, prompts, strict=True)]
        mask = [[0] * pad + [1] * (width - pad) for pad in padding]
        options = prompts[0].options
        # By the first prompt too, so that what is left of a file is drawn as it would have been.
        torch.seed() if options.seed is None else torch.manual_seed(options.seed + prompts[0].number)
        output = self.model.generate(
            torch.tensor(ids, device=DEVICE),
            attention_mask=torch.tensor(mask, device=DEVICE),
            streamer=Pieces(self._text, options.stop, tell) if options.stream else None,
            **self._options(options),
        )
        return [self._completion(row, options.stop) for row in output[:, width:].tolist()]

    def _options(self, options: Options) -> dict[str, Any]:
        drawn = {
            "do_sample": True,
            "temperature": options.temperature,
            "top_k": options.top_k,
            "top_p": options.top_p,
        }
        return {
            **(drawn if options.temperature else {"do_sample": False}),
            **({"stop_strings": list(options.stop), "tokenizer": self.tokenizer} if options.stop else {}),
            "max_new_tokens": options.max_new_tokens,
            "eos_token_id": sorted(self.ends) or None,
            "pad_token_id": min(self.ends, default=0),
        }

    def _text(self, tokens: list[int]) -> str:
        return str(self.tokenizer.decode(tokens, skip_special_tokens=True))

    def _completion(self, row: list[int], stop: Sequence[str]) -> Completion:
        """Cut off what follows the first end: it is padding."""
        end = next((place for place, token in enumerate(row) if token in self.ends), None)
        new = row if end is None else row[: end + 1]
        text = self._text(new)
        places = [place for item in stop if (place := text.find(item)) >= 0]
        finish = "length" if end is None and not places else "stop"
        return Completion(text[: min(places, default=len(text))], len(new), finish)


def generate(base: Path, tokenizer: Path, adapter: Path, source: Path, target: Path) -> None:
    """Complete the prompts in the file `source` and write the file `target`, in the same order.

    What an earlier call for the same files had done before it was killed is kept; one that still works, without
    whoever called it, is waited for.

    :param base: the folder of the model.
    :param tokenizer: the folder of the tokenizer.
    :param adapter: the folder of an adapter to use with it, or `-`.
    """
    with locked(target.with_suffix(".lock")):
        answers = KeptAnswers(target.with_suffix(".answers"))
        generator = Generator(base, tokenizer, adapter)
        prompts = read_prompts(source, generator.tokenizer)
        _complete(generator, prompts, answers)
        lines = [json.dumps(answer, ensure_ascii=False) for answer in answers.in_order()]
        write_text(target, "".join(f"{line}\n" for line in lines))


def _complete(generator: Generator, prompts: Sequence[Prompt], answers: KeptAnswers) -> None:
    """Complete the prompts that have no answer yet."""
    reporter = Reporter.from_environment()
    tokens, began = 0, time.monotonic()
    for batch in batches([prompt for prompt in prompts if prompt.number not in answers], BATCH):
        completions = generator.complete(batch, lambda piece: reporter.emit("text", text=piece))
        answers.add({prompt.number: asdict(item) for prompt, item in zip(batch, completions, strict=True)})
        tokens += sum(item.tokens for item in completions)
        seconds = time.monotonic() - began
        reporter.emit("generation", done=len(answers), of=len(prompts), tokens=tokens, seconds=seconds)
