"""The application and its process."""

import time
from argparse import Namespace
from typing import Any

import torch
import uvicorn
from transformers.cli.serving.server import build_server
from transformers.utils import logging

from ftk_transformers.loading import load_tokenizer
from ftk_transformers.server.answering import Source, answering, context_of
from ftk_transformers.server.generating import Line
from ftk_transformers.server.guard import Guard
from ftk_transformers.server.handlers import Chats, Completions, Models, State
from ftk_transformers.server.plain import answer_plainly
from ftk_transformers.server.refusals import tell_refusals

GRACE = 3
"""Seconds in which requests may be answered to the end after the server was asked to stop."""


def serve(options: Namespace, sources: list[Source], key: str | None) -> None:
    """Serve until the process is asked to stop.

    :param options: see `ftk_transformers.serve`.
    :param key: what requests must have, or None.
    """
    app = Guard(application(options, sources), key, options.max_request_bytes, options.max_concurrency)
    uvicorn.run(
        app,
        host=options.host,
        port=options.port,
        log_level="warning",
        timeout_graceful_shutdown=GRACE,
        server_header=False,
    )


def application(options: Namespace, sources: list[Source]) -> Any:
    """transformers' own application, with these models."""
    logging.set_verbosity_error()  # type: ignore[no-untyped-call]  # it would log every request
    tokenizer = load_tokenizer(options.tokenizer)
    models = answering(sources, tokenizer, getattr(torch, options.dtype) if options.dtype else None)
    context = context_of(next(iter(models.values())), options.max_model_len)
    known: Any = Models(models, tokenizer, time.time())
    state: Any = State(Line(context))
    others: Any = None  # handlers of paths that the guard does not let through
    completions = Completions(known, state)
    app = build_server(known, Chats(known, state), completions, others, others, others, state)
    answer_plainly(app, completions, next(iter(models)))
    tell_refusals(app)
    return app
