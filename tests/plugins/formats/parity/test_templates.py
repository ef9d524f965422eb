"""Every chat template of ftk renders the text that axolotl's template of that name does."""

import itertools
import subprocess
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest

from ftk.data.chat import ChatTemplate, TemplateRefusal, choose_template, template_names

Messages = Sequence[Mapping[str, Any]]

pytestmark = pytest.mark.slow

ROLES = ("system", "user", "assistant")

TEXTS = (
    "Say hello.",
    "",
    " \n leading and trailing \t\n\n",
    'Größe: 10 µm — 你好 🙂 "quoted" <|im_start|>user\n</s> {{ x }} {% y %}',
    "<think>\n\nsince it\n</think>\n\n Because.",
    "<tool_response>\nrain\n</tool_response>",
    "a</think>b<think>c\n</think>\n<think>d",
    "\n</think>",
)
"""Texts that are easy to get wrong."""

TOKENS = ({"bos_token": "<s>", "eos_token": "</s>"}, {"eos_token": "</s>"}, {})
"""What tokenizers have."""


@dataclass(frozen=True)
class Talk:
    """A conversation.

    :param messages: its messages.
    :param variables: what else the templates are given.
    """

    messages: Messages
    variables: Mapping[str, Any] = field(default_factory=dict)


def say(role: str, content: Any = "hi", **more: Any) -> dict[str, Any]:
    """A message."""
    return {"role": role, "content": content, **more}


def text_talks() -> Iterator[Talk]:
    """Conversations of up to four messages, of all roles in all orders."""
    for number in range(1, 5):
        for roles in itertools.product(ROLES, repeat=number):
            for start in range(len(TEXTS)):
                texts = [TEXTS[(start + 3 * place) % len(TEXTS)] for place in range(number)]
                yield Talk([say(role, text) for role, text in zip(roles, texts, strict=True)])


def parts(*texts: str) -> list[dict[str, str]]:
    """A content that is a list."""
    return [{"type": "text", "text": text} for text in texts]


def call(name: str, arguments: Any, **more: Any) -> dict[str, Any]:
    """A call of a tool."""
    return {"type": "function", "function": {"name": name, "arguments": arguments}, **more}


ASK, ANSWER = say("user", "weather?"), say("assistant", "It rains.")
IMAGE = say("user", [{"type": "image", "image": "x.png"}, *parts("what is it?")])
LOOK = {
    "type": "function",
    "function": {
        "name": "look",
        "description": "Look <out>.",
        "parameters": {"type": "object", "properties": {"at": {"type": "string"}}},
        "return": {"type": "string"},
    },
}
TOOLS = {"tools": [LOOK, {"type": "function", "function": {"name": "wait", "parameters": {}}}]}
CALLS = [call("look", {"at": "Zürich"}, id="abcdefghi"), call("wait", "{}", id="123456789")]
RESULTS = [say("tool", "rain", tool_call_id="abcdefghi"), say("tool", "", tool_call_id="123456789")]
CALLED = [ASK, say("assistant", "", tool_calls=CALLS), *RESULTS]
ALONE = {key: value for key, value in CALLED[1].items() if key != "content"}
THOUGHT = say("assistant", "It rains.", reasoning_content="\nI look out.\n")

FEATURES: dict[str, list[Talk]] = {
    "lists of texts": [
        Talk([say(role, parts(" one ", "\ntwo\n")) for role in roles])
        for roles in (("user",), ROLES, ROLES[1:], ("user", "assistant", "system"))
    ],
    "images": [Talk([IMAGE, ANSWER]), Talk([say("system", "Be brief."), IMAGE])],
    "other roles": [
        Talk([*before, say(role), ANSWER])
        for before in ([], [ASK], [ASK, ANSWER])
        for role in ("model", "developer", "narrator")
    ],
    "contents that are null": [Talk([*before, say(role, None)]) for before in ([], [ASK]) for role in ROLES[1:]],
    "tools that are told": [Talk(before, TOOLS) for before in ([ASK], [say("system", "Be brief."), ASK])],
    "tools with answers": [Talk([say("system", "Be brief."), ASK, ANSWER, ASK, ANSWER], TOOLS)],
    "calls of tools": [
        Talk([*talk, *more], variables)
        for talk in (CALLED, [ASK, ALONE, *RESULTS], [ASK, {**CALLED[1], "content": "I look."}, *RESULTS])
        for more in ([], [ANSWER], [ANSWER, *CALLED, ANSWER], [ANSWER, ASK, ANSWER])
        for variables in ({}, TOOLS)
    ],
    "calls with arguments as text": [
        Talk([ASK, say("assistant", "I look.", tool_calls=[call("look", '{"at": "Bern"}', id="abcdefghi")]), *more])
        for more in ([], RESULTS[:1], [*RESULTS[:1], ANSWER])
    ],
    "calls in another form": [
        Talk([ASK, say("assistant", "", tool_calls=[{"name": "look", "arguments": {"at": "Bern"}}]), say("tool")]),
        Talk([ASK, say("assistant", "", tool_calls=[call("look", {})]), say("tool")]),
        Talk([ASK, say("assistant", "", tool_calls=[call("look", {}, id="short")]), say("tool", tool_call_id="short")]),
        Talk([*CALLED[:2], say("tool_results", {"content": 3}, tool_call_id="abcdefghi")]),
    ],
    "results without calls": [Talk([ASK, say("tool", "rain"), ANSWER])],
    "reasoning": [
        Talk([*before, THOUGHT, *after], variables)
        for before in ([ASK], [ASK, THOUGHT, ASK], [ASK, {**THOUGHT, "tool_calls": CALLS}, *RESULTS])
        for after in ([], [ASK], [ASK, ANSWER])
        for variables in ({}, {"enable_thinking": False}, {"enable_thinking": True})
    ],
}
"""What only some templates know."""

REFUSED: dict[str, set[str]] = {
    "images": {"gemma", "gemma3", "gemma3n", "llama3", "qwen3", "qwen3_5"}
    | {"mistral_v1", "mistral_v2v3", "mistral_v3_tekken", "mistral_v7_tekken"},
    "contents that are null": {"llama3", "mistral_v1", "mistral_v2v3", "mistral_v3_tekken", "mistral_v7_tekken"},
    "tools that are told": {"falcon_h1"},
    "tools with answers": {"falcon_h1"},
    "calls of tools": {"falcon_h1"},
    "calls with arguments as text": {"deepseek_v3"},
    "calls in another form": {"llama3"},
    "results without calls": {"deepseek_v3"},
}
"""The templates that refuse some of what axolotl's render: a feature that they lack, or what axolotl's leave out."""

TAKEN = {"contents that are null": {"qwen3_5"}}
"""The one that takes what axolotl's refuses: it is that of Qwen 3, and axolotl's differ there."""


@pytest.fixture(scope="session")
def folder(axolotl_python: str) -> Path:
    """Where axolotl keeps its templates."""
    code = "import importlib.util; print(importlib.util.find_spec('axolotl').submodule_search_locations[0])"
    found = subprocess.run([axolotl_python, "-c", code], capture_output=True, text=True, check=True)
    return Path(found.stdout.strip()) / "utils" / "chat_templates" / "templates"


def outcome(source: str, tokens: Mapping[str, str], talk: Talk, asks: bool) -> str | None:
    """The text of a conversation; None when the template refuses it."""
    variables = {"strftime_now": lambda form: f"today, {form}", **talk.variables}
    try:
        return ChatTemplate(source, tokens).render(talk.messages, asks, **variables)
    except TemplateRefusal:
        return None


def differing(folder: Path, name: str, talks: Iterable[Talk]) -> Iterator[tuple[str | None, str | None, Talk]]:
    """Conversations that are not rendered as by the template in a folder, each after both texts."""
    own = choose_template(name, None, None)
    assert own is not None
    for talk, tokens, asks in itertools.product(talks, TOKENS, (False, True)):
        texts = [outcome(source, tokens, talk, asks) for source in (own, (folder / f"{name}.jinja").read_text("utf-8"))]
        if texts[0] != texts[1]:
            yield *texts, talk


@pytest.mark.parametrize("name", template_names())
def test_text_is_rendered_the_same(folder: Path, name: str) -> None:
    assert list(differing(folder, name, text_talks())) == []


@pytest.mark.parametrize("feature", FEATURES)
@pytest.mark.parametrize("name", template_names())
def test_a_feature_is_rendered_the_same_or_refused(folder: Path, name: str, feature: str) -> None:
    found = list(differing(folder, name, FEATURES[feature]))
    if name in REFUSED.get(feature, ()):
        assert found and all(own is None for own, _, _ in found)
    elif name in TAKEN.get(feature, ()):
        assert found and all(theirs is None for _, theirs, _ in found)
    else:
        assert found == []
