"""What requests may say: what this server would pass over in silence is refused by name."""

import json
from collections.abc import Mapping
from typing import Annotated, Any, Literal

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from ftk_transformers.server.refusals import Refusal

Text = Annotated[str, Field(strict=True)]
Count = Annotated[int, Field(strict=True, ge=1)]
Flag = Annotated[bool, Field(strict=True)]


class Request(BaseModel):
    """What requests for completions and for chats have in common."""

    model_config = ConfigDict(extra="allow")

    model: Text
    max_tokens: Count | None = None
    temperature: Annotated[float, Field(ge=0, le=2)] | None = None
    top_p: Annotated[float, Field(gt=0, le=1)] | None = None
    seed: Annotated[int, Field(strict=True, ge=0, lt=2**63)] | None = None
    stop: Text | list[Text] | None = None
    stream: Flag | None = None
    n: Literal[1] | None = None
    frequency_penalty: Literal[0] | None = None
    presence_penalty: Literal[0] | None = None
    logit_bias: Annotated[dict[str, float], Field(max_length=0)] | None = None
    generation_config: None = None


class CompletionRequest(Request):
    """A text to go on with."""

    prompt: Text
    suffix: None = None
    best_of: Literal[1] | None = None
    echo: Literal[False] | None = None
    logprobs: None = None


class Part(BaseModel):
    """A part of a message."""

    type: Literal["text"]
    text: Text


class Message(BaseModel):
    """A message of a chat."""

    model_config = ConfigDict(extra="allow")

    role: Text
    content: Text | list[Part] | None = None


class ChatRequest(Request):
    """A conversation to go on with."""

    messages: Annotated[list[Message], Field(min_length=1)]
    max_completion_tokens: Count | None = None
    chat_template_kwargs: dict[str, Any] = {}
    logprobs: Literal[False] | None = None
    top_logprobs: None = None
    response_format: dict[Literal["type"], Literal["text"]] | None = None
    tool_choice: Literal["auto", "none"] | None = None
    functions: None = None
    function_call: None = None


def check(kind: type[Request], body: Mapping[str, Any]) -> None:
    """Stop at a request that cannot be answered as it is meant.

    :raises Refusal: naming the field.
    """
    _refuse_halves(body)
    try:
        kind.model_validate(body)
    except ValidationError as error:
        first = error.errors(include_url=False)[0]
        place = ".".join(map(str, first["loc"]))
        raise Refusal(400, f"{place}: {first['msg']}", "invalid_value") from None


def _refuse_halves(body: Mapping[str, Any]) -> None:
    """Stop at half of a character (a lone surrogate), which JSON can say and no text can hold."""
    for name, value in body.items():
        try:
            json.dumps({name: value}, ensure_ascii=False).encode()
        except UnicodeEncodeError:
            place = name.encode(errors="backslashreplace").decode()
            raise Refusal(400, f"{place}: a lone surrogate is no character", "invalid_value") from None
