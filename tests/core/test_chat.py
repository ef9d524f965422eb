"""Chat templates."""

from typing import Any

import pytest

from ftk.data.chat import ChatTemplate, TemplateRefusal, choose_template, template_names, template_problem
from ftk.errors import UsageError

HELLO = [{"role": "user", "content": "hi"}]
CHAT = [{"role": "user", "content": "hi <b>"}, {"role": "assistant", "content": "yes"}]

GENERAL = ("chatml", "gemma", "llama3", "mistral_v1", "phi_3", "qwen3", "deepseek_v2", "alpaca")


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


@pytest.mark.parametrize("name", GENERAL)
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
    assert template_problem("chatlm", None) == ("there is no chat template 'chatlm'", "did you mean `chatml`?")
    assert template_problem("zzzz", None) is not None
    assert template_problem("jinja", None) is not None
    problem = template_problem("jinja", "{% if %}")
    assert problem is not None and problem[0].startswith("`chat_template_jinja` is no Jinja template")
