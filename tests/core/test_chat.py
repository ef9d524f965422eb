"""Chat templates."""

from typing import Any

import pytest

from ftk.data.chat import ChatTemplate, TemplateRefusal, choose_template, template_names, template_problem
from ftk.errors import UsageError

HELLO = [{"role": "user", "content": "hi"}]
CHAT = [{"role": "user", "content": "hi <b>"}, {"role": "assistant", "content": "yes"}]

TALK = [
    {"role": "system", "content": "Be brief."},
    {"role": "user", "content": " hi "},
    {"role": "assistant", "content": "<think>\nhm\n</think>\n\nyes"},
]

CALLS = [{"type": "function", "id": "abcdefghi", "function": {"name": "look", "arguments": {"at": "Bern"}}}]

LOOKED = [
    {"role": "user", "content": "weather?"},
    {"role": "assistant", "content": "", "tool_calls": CALLS},
    {"role": "tool", "content": "rain", "tool_call_id": "abcdefghi"},
]

TEXTS = {
    "chatml": "<|im_start|>system\nBe brief.<|im_end|>\n<|im_start|>user\n hi <|im_end|>\n"
    "<|im_start|>assistant\n<think>\nhm\n</think>\n\nyes<|im_end|>\n",
    "llama3": "<s><|start_header_id|>system<|end_header_id|>\n\nBe brief.<|eot_id|>"
    "<|start_header_id|>user<|end_header_id|>\n\nhi<|eot_id|>"
    "<|start_header_id|>assistant<|end_header_id|>\n\n<think>\nhm\n</think>\n\nyes<|eot_id|>",
    "gemma3": "<s><start_of_turn>user\nBe brief.\n\nhi<end_of_turn>\n"
    "<start_of_turn>model\n<think>\nhm\n</think>\n\nyes<end_of_turn>\n",
    "mistral_v1": "<s> [INST] Be brief.\n\n hi  [/INST] <think>\nhm\n</think>\n\nyes</s>",
    "mistral_v7_tekken": "<s>[SYSTEM_PROMPT]Be brief.[/SYSTEM_PROMPT][INST] hi [/INST]<think>\nhm\n</think>\n\nyes</s>",
    "alpaca": "<s>Be brief.\n\n### Instruction:\n hi \n\n### Response:\n<think>\nhm\n</think>\n\nyes</s>",
    "qwen3": "<|im_start|>system\nBe brief.<|im_end|>\n<|im_start|>user\n hi <|im_end|>\n"
    "<|im_start|>assistant\n<think>\nhm\n</think>\n\nyes<|im_end|>\n",
}
"""How some templates render a conversation."""

IMAGE = [{"role": "user", "content": [{"type": "image", "image": "x.png"}]}]


def render(source: str, messages: Any = HELLO, **more: Any) -> str:
    """A template's text."""
    return ChatTemplate(source, {"bos_token": "<s>", "eos_token": "</s>"}).render(messages, **more)


def named(name: str) -> str:
    """The text of a template."""
    source = choose_template(name, None, None)
    assert source is not None
    return source


@pytest.mark.parametrize("name", template_names())
def test_every_template_renders_a_conversation(name: str) -> None:
    assert "hi <b>" in render(named(name), CHAT)


@pytest.mark.parametrize("name", TEXTS)
def test_a_conversation_is_rendered_in_the_format_of_the_model(name: str) -> None:
    assert render(named(name), TALK) == TEXTS[name]


def test_calls_of_tools_are_rendered_in_the_format_of_the_model() -> None:
    assert render(named("qwen3"), LOOKED, add_generation_prompt=True, enable_thinking=False) == (
        "<|im_start|>user\nweather?<|im_end|>\n"
        '<|im_start|>assistant\n<tool_call>\n{"name": "look", "arguments": {"at": "Bern"}}\n</tool_call><|im_end|>\n'
        "<|im_start|>user\n<tool_response>\nrain\n</tool_response><|im_end|>\n"
        "<|im_start|>assistant\n<think>\n\n</think>\n\n"
    )
    assert render(named("mistral_v3_tekken"), LOOKED, tools=[{"function": {"name": "look", "parameters": {}}}]) == (
        '<s>[AVAILABLE_TOOLS][{"type": "function", "function": {"name": "look", "parameters": {}}}][/AVAILABLE_TOOLS]'
        '[INST]weather?[/INST][TOOL_CALLS][{"name": "look", "arguments": {"at": "Bern"}, "id": "abcdefghi"}]</s>'
        '[TOOL_RESULTS]{"content": rain, "call_id": "abcdefghi"}[/TOOL_RESULTS]'
    )


@pytest.mark.parametrize("name", template_names())
def test_it_is_rendered_as_transformers_does(name: str) -> None:
    from transformers.utils.chat_template_utils import render_jinja_template

    tokens = {"bos_token": "<s>", "eos_token": "</s>"}
    [expected], _ = render_jinja_template([CHAT], chat_template=named(name), add_generation_prompt=True, **tokens)
    assert render(named(name), CHAT, add_generation_prompt=True) == expected


def test_the_conventions_are_those_of_hugging_face() -> None:
    assert render("{% if true %}\n  {% for m in messages %}\n{{ m }}\n  {% endfor %}\n{% endif %}") == f"{HELLO[0]}\n"
    assert render("{{ tools | tojson }}", tools=["<é>"]) == '["<é>"]'
    assert render("{% generation %}{{ bos_token }}{% endgeneration %}") == "<s>"
    assert render("{% for m in messages %}{% break %}{% endfor %}{{ strftime_now('%%') }}") == "%"


def test_what_a_template_refuses_is_told_in_its_words() -> None:
    with pytest.raises(TemplateRefusal, match="System role not supported"):
        render(named("gemma"), [{"role": "system", "content": "x"}])
    with pytest.raises(TemplateRefusal):
        render("{{ messages[0].content + 1 }}")


@pytest.mark.parametrize(
    ("source", "words"),
    [
        ("{{ 1 / 0 }}", "division by zero"),
        ("{{ 10.0 ** 999 }}", "out of range"),
        ("{% macro again() %}{{ again() }}{% endmacro %}{{ again() }}", "maximum recursion depth"),
    ],
)
def test_whatever_a_template_raises_is_the_templates(source: str, words: str) -> None:
    with pytest.raises(TemplateRefusal, match=words):
        render(source)


def test_no_name_of_a_variable_is_in_the_way_of_the_messages() -> None:
    names = dict.fromkeys(("messages", "self", "source", "template"), "mine")
    assert ChatTemplate("{{ template }} {{ messages[0].role }}", {}).render(HELLO, **names) == "mine user"


@pytest.mark.parametrize(
    ("name", "messages", "variables", "words"),
    [
        ("gemma3", IMAGE, {}, "only text is supported"),
        ("qwen3_5", IMAGE, {}, "only text is supported"),
        ("mistral_v7_tekken", IMAGE, {}, "only text is supported"),
        ("falcon_h1", HELLO, {"tools": [{}]}, "tools are not supported"),
        ("deepseek_v3", LOOKED, {}, "tool calls are not supported"),
        ("cohere", TALK[2:], {}, "user and assistant must take turns"),
        ("mistral_v2v3", [*LOOKED[:2], {**LOOKED[2], "tool_call_id": "x"}], {}, "must have 9 characters"),
        ("nemotron_h", LOOKED[2:], {}, "a message of the role tool does not belong here"),
    ],
)
def test_what_a_template_cannot_render_is_refused(name: str, messages: Any, variables: Any, words: str) -> None:
    with pytest.raises(TemplateRefusal, match=words):
        render(named(name), messages, **variables)


@pytest.mark.parametrize("attack", ["{{ ''.__class__.__mro__ }}", "{{ messages.append(1) }}"])
def test_a_template_reaches_nothing_but_its_variables(attack: str) -> None:
    with pytest.raises(TemplateRefusal):
        render(attack)


def test_the_choices_of_a_config() -> None:
    assert choose_template(None, None, None) is None
    assert choose_template(None, None, "own") == "own"
    assert choose_template(None, "given", "own") == "given"
    assert choose_template("jinja", "given", "own") == "given"
    assert choose_template("tokenizer_default", None, "own") == "own"
    assert choose_template("tokenizer_default_fallback_chatml", None, "own") == "own"
    assert choose_template("tokenizer_default_fallback_chatml", None, None) == named("chatml")
    with pytest.raises(UsageError, match="has no chat template"):
        choose_template("tokenizer_default", None, None)


def test_what_is_wrong_with_a_choice() -> None:
    assert template_problem("chatml", None) is None
    assert template_problem(None, None) is None
    assert template_problem("tokenizer_default_fallback_llama3", None) is None
    own = "`tokenizer_default` is the model's own, and `chat_template_jinja` takes any"
    assert template_problem("chatlm", None) == ("there is no chat template 'chatlm'", "did you mean `chatml`?")
    known = f"{own}; known by name: {', '.join(template_names())}"
    assert template_problem("zzzz", None) == ("there is no chat template 'zzzz'", known)
    assert template_problem("gemma4", None) == ("there is no chat template 'gemma4'", known)  # not that of Gemma 3
    assert template_problem("jinja", None) is not None
    assert template_problem("tokenizer_default_fallback_jinja", None) == ("there is no chat template 'jinja'", known)
    default = template_problem("tokenizer_default_fallback_tokenizer_default", None)
    assert default == ("there is no chat template 'tokenizer_default'", known)
    problem = template_problem("jinja", "{% if %}")
    assert problem is not None and problem[0].startswith("`chat_template_jinja` is no Jinja template")
    deep = template_problem("jinja", "{% for a in b %}" * 30 + "{% endfor %}" * 30)
    assert deep is not None and deep[0].startswith("`chat_template_jinja` is no Jinja template")


@pytest.mark.parametrize("choice", ["chatml", "tokenizer_default", "tokenizer_default_fallback_chatml"])
def test_a_template_beside_the_name_of_another_is_told(choice: str) -> None:
    assert template_problem(choice, "{{ messages }}") == (
        f"`chat_template: {choice}` and `chat_template_jinja` are two templates",
        "remove one of them, or write `chat_template: jinja` for the latter",
    )
    assert template_problem(None, "{{ messages }}") is None
    assert template_problem("jinja", "{{ messages }}") is None
