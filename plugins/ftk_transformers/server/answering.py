"""The models that are served, by name."""

from collections.abc import Sequence
from contextlib import nullcontext
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch

from ftk_transformers.loading import ends_of, load, load_adapters


@dataclass(frozen=True)
class Source:
    """A model to serve.

    :param name: what requests call it.
    :param folder: the whole model, or the base.
    :param adapter: the adapter's folder, or None.
    """

    name: str
    folder: Path
    adapter: Path | None


class Answering:
    """One of the models, as transformers' handlers see it; several may be the same base with another adapter.

    :param model: the model, or the base with all adapters.
    :param adapter: the one to use; None for the base alone; not asked where `model` is whole.
    """

    def __init__(self, model: Any, adapter: str | None = None) -> None:
        self._model = model
        self._adapter = adapter

    def __getattr__(self, name: str) -> Any:
        return getattr(self._model, name)

    def generate(self, generation_config: Any, **given: Any) -> Any:
        """Complete a prompt. Called by one thread at a time, which is what makes changing adapters safe."""
        seed = getattr(generation_config, "seed_of_request", None)
        torch.seed() if seed is None else torch.manual_seed(seed)
        with torch.inference_mode(), self._chosen():
            return self._model.generate(generation_config=generation_config, **given)

    def _chosen(self) -> Any:
        if not hasattr(self._model, "peft_config"):
            return nullcontext()
        if self._adapter is None:
            return self._model.disable_adapter()
        self._model.set_adapter(self._adapter)
        return nullcontext()


def answering(sources: Sequence[Source], tokenizer: Any, dtype: torch.dtype | None) -> dict[str, Answering]:
    """All models by their names.

    :param sources: one model; or adapters of the same base, and perhaps that base itself.
    :param tokenizer: of all of them.
    :param dtype: of the computation; None for what fits the device.
    """
    adapters = [source.adapter for source in sources if source.adapter]
    if len(sources) == 1:
        model = load(sources[0].folder, tokenizer, sources[0].adapter, dtype)
    else:
        model = load_adapters(sources[0].folder, tokenizer, adapters, dtype)
    ends = sorted(ends_of(model, tokenizer))
    model.generation_config.eos_token_id = ends or None
    model.generation_config.pad_token_id = min(ends, default=0)
    numbers = {source.name: str(adapters.index(source.adapter)) for source in sources if source.adapter}
    return {source.name: Answering(model, numbers.get(source.name)) for source in sources}


def context_of(model: Any, wanted: int | None) -> int | None:
    """Tokens of prompt and answer together; None for any number.

    :param wanted: the most that somebody wants.
    """
    known = getattr(model.config.get_text_config(), "max_position_embeddings", None)
    return min((limit for limit in (known, wanted) if limit), default=None)
