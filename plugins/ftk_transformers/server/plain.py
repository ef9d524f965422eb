"""Plain answers for scripts: `GET /?input=PROMPT` gives the text with which the model goes on, and nothing else."""

import json
from typing import Any

from fastapi import FastAPI, Request
from fastapi.responses import PlainTextResponse

from ftk_transformers.server.handlers import Completions
from ftk_transformers.server.refusals import Refusal

PATH = "/"

MOST_TOKENS = 256
"""Of an answer."""


def answer_plainly(app: FastAPI, completions: Completions, model: str) -> None:
    """Have the application answer so too.

    :param model: the name of the one that answers.
    """

    async def answer(request: Request) -> PlainTextResponse:
        prompt = request.query_params.get("input")
        if prompt is None:
            raise Refusal(400, "there is no prompt: GET /?input=PROMPT", "no_input")
        asked = {"model": model, "prompt": prompt, "max_tokens": MOST_TOKENS, "temperature": 0}
        answered: Any = await completions.handle_request(asked, request.state.request_id)
        return PlainTextResponse(json.loads(answered.body)["choices"][0]["text"])

    app.add_api_route(PATH, answer, methods=["GET"])
