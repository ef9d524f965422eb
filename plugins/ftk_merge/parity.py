"""The command that compares: `python -m ftk_merge.parity BASE ADAPTER MERGED DATA RESULT`.

It judges nothing: it writes what it saw, and the driver decides what follows from it.
"""

from pathlib import Path

from ftk.files import write_json
from ftk.reporter import Reporter
from ftk_merge.command import run_command


def parity(base: str, adapter: str, merged: str, data: str, result: str) -> None:
    """Compare the logits of base and adapter with those of the merged model, on a few rows of the data.

    :param data: the folder with the tokenised rows.
    :param result: the file to write, with the fields of `MergedModel.parity`.
    """
    from ftk_merge.comparing import compare

    found = compare(Path(base), Path(adapter), Path(merged), Path(data))
    Reporter.from_environment().emit("parity", **found)
    write_json(Path(result), found)


if __name__ == "__main__":
    run_command(parity)
