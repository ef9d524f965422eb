"""What is refused before the start, since vLLM would refuse it after half a minute, or answer wrongly, or die of it."""

from collections.abc import Sequence
from pathlib import Path

from ftk.plugin import FtkError, Run, Served, UsageError, tokenizer_digest
from ftk_vllm import cpu, passed
from ftk_vllm.adapters import refuse_adapter
from ftk_vllm.architecture import Architecture, tokens_of


def refuse(run: Run, models: Sequence[Served], architecture: Architecture) -> None:
    """Stop at what vLLM cannot serve.

    :param architecture: of the whole model, or of the base.
    :raises FtkError: saying what, and what to do.
    """
    passed.refuse_own(run.config.ftk["serve"]["arguments"])
    if run.accelerator().kind == "cpu":
        cpu.refuse_head_size(architecture)
    adapters = {item.name: run.path(item.model.adapter) for item in models if item.model.adapter}
    for name, folder in adapters.items():
        refuse_adapter(name, folder)
    _refuse_different_tokenizers(adapters)
    _refuse_added_tokens(run, architecture)


def _refuse_different_tokenizers(adapters: dict[str, Path]) -> None:
    """Stop at adapters that were trained with different tokenizers or templates: vLLM has one for all."""
    digests = {name: tokenizer_digest(folder) for name, folder in adapters.items()}
    first = next(iter(digests), None)
    for name, digest in digests.items():
        if first and digest != digests[first]:
            files = {*digest, *digests[first]}
            different = sorted(file for file in files if digest.get(file) != digests[first].get(file))
            raise UsageError(
                f"{first} and {name} were trained with different tokenizers ({', '.join(different)})",
                "serve each on a port of its own",
            )


def _refuse_added_tokens(run: Run, architecture: Architecture) -> None:
    """Stop at tokens without an embedding, with which vLLM would die."""
    tokens = tokens_of(run.path(run.tokenizer()))
    if architecture.embeddings and tokens > architecture.embeddings:
        raise FtkError(
            f"the run's tokenizer has {tokens} tokens and the base model {architecture.embeddings} embeddings,"
            " to which vLLM adds none",
            f"serve the merged model: `ftk merge {run.id}`, then `ftk serve {run.id}`",
        )
