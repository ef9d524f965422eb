"""Generation for requests: one after another, cut off at the stop texts, and given up when nobody waits for it."""

import asyncio
import json
import threading
from collections.abc import Sequence
from typing import Any

import torch
from transformers import StoppingCriteria
from transformers.cli.serving.utils import DirectStreamer, GenerateManager, _GenerationCancelled, _StreamError

from ftk_transformers.server.refusals import Refusal
from ftk_transformers.streaming import settled


class Line(GenerateManager):
    """The requests in the order in which they came, answered by one thread.

    :param context: tokens of prompt and answer together, or None.
    """

    def __init__(self, context: int | None) -> None:
        super().__init__()  # type: ignore[no-untyped-call]
        self._context = context

    def generate_streaming(
        self,
        model: Any,
        processor: Any,
        inputs: Any,
        gen_config: Any,
        request_id: str,
        response_parser: Any = None,
    ) -> tuple[Any, "AnswerStream"]:
        """See `GenerateManager`."""
        self._fit(inputs, gen_config)
        loop, queue = asyncio.get_running_loop(), asyncio.Queue[Any]()
        stream = AnswerStream(processor._tokenizer, loop, queue, response_parser, _stops(gen_config))

        def run() -> None:
            try:
                made = model.generate(**inputs, streamer=stream, generation_config=gen_config, tokenizer=processor)
                _note_end(made[0], gen_config, stream.is_cut)
                stream.close()
            except _GenerationCancelled:
                stream.close()
            except Exception as error:
                loop.call_soon_threadsafe(queue.put_nowait, _StreamError(json.dumps(str(error))[1:-1]))

        self.submit(run)
        return queue, stream

    async def generate_non_streaming(
        self, model: Any, processor: Any, inputs: Any, gen_config: Any, request_id: str
    ) -> Any:
        """See `GenerateManager`; cancelled, it ends at the next token, so that the others need not wait for it."""
        self._fit(inputs, gen_config)
        gone = threading.Event()

        def run() -> Any:
            if gone.is_set():
                return None
            criteria = [_Given(gone)]
            return model.generate(
                **inputs, generation_config=gen_config, tokenizer=processor, stopping_criteria=criteria
            )

        try:
            sequences = await asyncio.shield(self.async_submit(run))
        except asyncio.CancelledError:
            gone.set()
            raise
        length = inputs["input_ids"].shape[-1]
        new = sequences[0, length:].tolist()
        whole = str(processor.decode(new, skip_special_tokens=True))
        text = _cut(whole, _stops(gen_config))
        _note_end(sequences[0], gen_config, text != whole)
        return text, length, new

    def _fit(self, inputs: Any, gen_config: Any) -> None:
        """Leave room for the answer.

        :raises Refusal: where there is none, or nothing to answer.
        """
        tokens = inputs["input_ids"].shape[-1]
        if not tokens:
            raise Refusal(400, "the prompt is empty", "empty_prompt")
        if self._context is not None:
            if tokens >= self._context:
                message = f"the prompt has {tokens} tokens, which leaves none of {self._context} for the answer"
                raise Refusal(400, message, "context_length_exceeded")
            gen_config.max_new_tokens = min(gen_config.max_new_tokens, self._context - tokens)


class AnswerStream(DirectStreamer):
    """An answer as it comes, without what follows the first of the stop texts.

    :param stops: these texts.
    """

    def __init__(self, tokenizer: Any, loop: Any, queue: Any, response_parser: Any, stops: Sequence[str]) -> None:
        self._stops = stops
        self._text = ""
        self._sent = 0
        super().__init__(tokenizer, loop, queue, response_parser)

    @property
    def is_cut(self) -> bool:
        """Whether a stop text has come."""
        return _cut(self._text, self._stops) != self._text

    def close(self) -> None:
        """Send what is left, and the end."""
        self._send(_cut(self._text, self._stops))
        super()._enqueue(None)

    def _enqueue(self, item: Any) -> None:
        if type(item) is str:
            self._text += item
            self._send(settled(self._text, self._stops))
        elif item is not None:  # `close` sends the end, as soon as it is known which it is
            super()._enqueue(item)

    def _send(self, text: str) -> None:
        if len(text) > self._sent:
            super()._enqueue(text[self._sent :])
            self._sent = len(text)


class _Given(StoppingCriteria):
    """Ends a generation that was given up."""

    def __init__(self, gone: threading.Event) -> None:
        self._gone = gone

    def __call__(self, input_ids: torch.Tensor, scores: torch.Tensor, **given: Any) -> torch.Tensor:
        return torch.full((len(input_ids),), self._gone.is_set(), device=input_ids.device)


def _stops(gen_config: Any) -> list[str]:
    stops = gen_config.stop_strings or []
    return [stops] if isinstance(stops, str) else stops


def _cut(text: str, stops: Sequence[str]) -> str:
    places = [place for item in stops if item and (place := text.find(item)) >= 0]
    return text[: min(places, default=len(text))]


def _note_end(sequence: Any, gen_config: Any, is_cut: bool) -> None:
    """Have an answer that ended by itself not count as cut off, as the handlers do when it is just as long."""
    if is_cut or int(sequence[-1]) in (gen_config.eos_token_id or []):
        gen_config.max_new_tokens += 1
