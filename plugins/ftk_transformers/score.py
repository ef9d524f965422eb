"""The command that computes losses: `python -m ftk_transformers.score MODEL TOKENIZER ADAPTER_OR_- ROWS OUT`.

ROWS and OUT are files of JSON lines.
"""

from pathlib import Path

from ftk_transformers.command import run_command


def score(base: Path, tokenizer: Path, adapter: Path, source: Path, target: Path) -> None:
    """See `ftk_transformers.scoring.score`."""
    from ftk_transformers.scoring import score

    score(base, tokenizer, adapter, source, target)


if __name__ == "__main__":
    run_command(score)
