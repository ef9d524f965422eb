"""transformers' handlers of requests, with the models that are served and every word of a request heeded."""

from collections.abc import AsyncIterable, AsyncIterator
from typing import Any

from jinja2 import TemplateError
from starlette.responses import Response, StreamingResponse
from transformers.cli.serving.chat_completion import ChatCompletionHandler
from transformers.cli.serving.completion import CompletionHandler
from transformers.cli.serving.utils import Modality

from ftk_transformers.server.answering import Answering
from ftk_transformers.server.generating import Line
from ftk_transformers.server.refusals import Refusal
from ftk_transformers.server.requests import ChatRequest, CompletionRequest, Request, check

DONE = "data: [DONE]\n\n"
"""The last line of a stream in the OpenAI API."""


class Models:
    """In place of transformers' manager of models, which loads whatever it is asked for.

    :param models: by name.
    :param tokenizer: of all of them.
    :param since: when they were loaded, in seconds since 1970.
    """

    def __init__(self, models: dict[str, Answering], tokenizer: Any, since: float) -> None:
        self.models = models
        self.tokenizer = tokenizer
        self.since = int(since)

    def list_models(self) -> list[dict[str, Any]]:
        """What `/v1/models` lists."""
        return [{"id": name, "object": "model", "created": self.since, "owned_by": "ftk"} for name in self.models]

    get_gen_models = list_models
    """Its name before transformers 5.24."""

    def get_model_modality(self, model: Any, processor: Any = None) -> Any:
        """All of them answer with text."""
        return Modality.LLM

    def shutdown(self) -> None:
        """They end with the process."""


class State:
    """In place of transformers' state of generation: one line for all models, which share their weights."""

    def __init__(self, line: Line) -> None:
        self._line = line
        self._compile = False

    def use_continuous_batching(self, model: Any, modality: Any) -> bool:
        """Never: it has one temperature for all requests."""
        return False

    def get_manager(self, model_id: str, use_cb: bool = False) -> Line:
        """The line."""
        return self._line

    def is_cb_alive(self) -> bool:
        """For `/health`."""
        return True


class _Handling:
    """What both kinds of requests have in common."""

    kind: type[Request]
    model_manager: Models

    async def handle_request(self, body: dict[str, Any], request_id: str) -> Response:
        """Check the request, and answer it."""
        check(self.kind, body)
        if body["model"] not in self.model_manager.models:
            served = ", ".join(self.model_manager.models)
            raise Refusal(404, f"there is no model {body['model']!r}; served are: {served}", "model_not_found")
        self.check_more(body)
        answer: Response = await super().handle_request(body, request_id)  # type: ignore[misc]
        if isinstance(answer, StreamingResponse):
            answer.body_iterator = _with_end(answer.body_iterator)
        return answer

    def check_more(self, body: dict[str, Any]) -> None:
        """What one kind of requests needs beyond its fields."""

    def _resolve_model(self, body: dict[str, Any]) -> tuple[str, Answering, Any]:
        return body["model"], self.model_manager.models[body["model"]], self.model_manager.tokenizer

    def _build_generation_config(self, body: dict[str, Any], own: Any, use_cb: bool = False) -> Any:
        """The model's own settings, with those of the request."""
        unseeded = {**body, "seed": None}  # the thread that generates is seeded, when it is this request's turn
        config = super()._build_generation_config(unseeded, own, use_cb=use_cb)  # type: ignore[misc]
        config.seed_of_request = body.get("seed")
        if body.get("temperature") or (body.get("top_p") and body.get("temperature") is None):
            config.do_sample = True
            if own.top_k is None:
                config.top_k = 0  # of all tokens, not of transformers' 50
        if not config.do_sample:
            config.temperature = config.top_p = config.top_k = None
        return config


class Completions(_Handling, CompletionHandler):  # type: ignore[misc]
    """Answers `/v1/completions`."""

    kind = CompletionRequest


class Chats(_Handling, ChatCompletionHandler):  # type: ignore[misc]
    """Answers `/v1/chat/completions`."""

    kind = ChatRequest

    def check_more(self, body: dict[str, Any]) -> None:
        """Stop at a conversation that the template does not know.

        :raises Refusal: with the template's own words.
        """
        tokenizer = self.model_manager.tokenizer
        if tokenizer.chat_template is None:
            raise Refusal(400, "this model has no chat template; ask /v1/completions", "no_chat_template")
        messages = self.get_processor_inputs_from_messages(
            body["messages"], self.model_manager.get_model_modality(None)
        )
        try:
            tokenizer.apply_chat_template(
                messages,
                tools=body.get("tools"),
                tokenize=False,
                add_generation_prompt=True,
                **body.get("chat_template_kwargs", {}),
            )
        except (TemplateError, LookupError, TypeError, ValueError) as error:
            raise Refusal(400, f"the chat template refuses these messages: {error}", "invalid_messages") from None


async def _with_end(stream: AsyncIterable[Any]) -> AsyncIterator[Any]:
    async for part in stream:
        yield part
    yield DONE
