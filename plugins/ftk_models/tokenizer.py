"""The command that turns an older tokenizer into a tokenizer.json: `python -m ftk_models.tokenizer MODEL OUT`."""

import sys

from transformers import AutoTokenizer


def main(source: str, target: str) -> None:
    """Load the tokenizer of the folder `source` and save it to `target` in the form of the `tokenizers` library."""
    try:
        tokenizer = AutoTokenizer.from_pretrained(source)
    except Exception as error:  # the readers have no error of their own: a broken file raises anything
        reason = " ".join(str(error).split()) or type(error).__name__
        sys.exit(f"the base model has no tokenizer that can be read: {reason}")
    if not tokenizer.is_fast:
        sys.exit(f"the tokenizer {type(tokenizer).__name__} cannot be converted to a tokenizer.json")
    tokenizer.save_pretrained(target)


if __name__ == "__main__":
    main(*sys.argv[1:])
