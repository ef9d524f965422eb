"""The command that serves models: `python -m ftk_transformers.serve OPTIONS NAME MODEL ADAPTER_OR_- ...`.

Each model has three arguments. Requests must have the key that the environment variable `FTK_SERVER_KEY` holds.
"""

import argparse
import os
import sys
from pathlib import Path

from ftk_transformers.command import run_command

KEY_VARIABLE = "FTK_SERVER_KEY"

NO_ADAPTER = "-"

MOST_BYTES = 4 << 20
"""Of a request, unless told."""

MOST_REQUESTS = 64
"""That are let in at once, unless told; they are answered one after another."""


def serve(*arguments: Path) -> None:
    """See `ftk_transformers.server.serving.serve`."""
    from ftk_transformers.server.answering import Source
    from ftk_transformers.server.serving import serve

    options = _parse(sys.argv[1:])
    parts = [options.models[start : start + 3] for start in range(0, len(options.models), 3)]
    sources = [
        Source(name, Path(folder), None if adapter == NO_ADAPTER else Path(adapter)) for name, folder, adapter in parts
    ]
    # Programs that the server may start have no need of the key.
    serve(options, sources, os.environ.pop(KEY_VARIABLE, None))


def _parse(arguments: list[str]) -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m ftk_transformers.serve")
    parser.add_argument("--host", required=True, help="where to listen")
    parser.add_argument("--port", required=True, type=int, help="where to listen")
    parser.add_argument("--tokenizer", required=True, help="the tokenizer's folder")
    parser.add_argument("--dtype", help="type of the computation")
    parser.add_argument("--max-model-len", type=int, help="tokens of prompt and answer together")
    parser.add_argument("--max-concurrency", type=int, default=MOST_REQUESTS, help="requests that are let in at once")
    parser.add_argument("--max-request-bytes", type=int, default=MOST_BYTES, help="larger requests are refused")
    parser.add_argument("models", nargs="+", help="name, folder and adapter (or -) of each model")
    return parser.parse_args(arguments)


if __name__ == "__main__":
    run_command(serve)
