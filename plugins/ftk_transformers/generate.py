"""The command that completes prompts: `python -m ftk_transformers.generate MODEL TOKENIZER ADAPTER_OR_- PROMPTS OUT`.

PROMPTS and OUT are files of JSON lines.
"""

from pathlib import Path

from ftk_transformers.command import run_command


def generate(base: Path, tokenizer: Path, adapter: Path, source: Path, target: Path) -> None:
    """See `ftk_transformers.generation.generate`."""
    from ftk_transformers.generation import generate

    generate(base, tokenizer, adapter, source, target)


if __name__ == "__main__":
    run_command(generate)
