"""The command that trains: `python -m ftk_transformers.train RUN DATA MODEL TOKENIZER`."""

from pathlib import Path

from ftk_transformers.command import run_command


def train(run: Path, data: Path, base: Path, tokenizer: Path) -> None:
    """See `ftk_transformers.training.train`."""
    from ftk_transformers.training import train

    train(run, data, base, tokenizer)


if __name__ == "__main__":
    run_command(train)
