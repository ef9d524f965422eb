"""Chat templates: the text that a conversation is for a model, rendered as Hugging Face tokenizers do it."""

import json
from collections.abc import Mapping, Sequence
from datetime import datetime
from difflib import get_close_matches
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, Any

from ftk.errors import UsageError

if TYPE_CHECKING:
    from jinja2 import Template

TEMPLATE_FILE = "chat_template.jinja"
"""Where a tokenizer's folder holds its chat template."""

GIVEN = "jinja"
"""As `chat_template`: the template stands in `chat_template_jinja`."""

OWN = "tokenizer_default"
"""As `chat_template`: the tokenizer's own."""

FALLBACK = "tokenizer_default_fallback_"
"""Before a template's name: the tokenizer's own, or that one where it has none."""

_FOLDER = Path(__file__).parent / "templates"

_SAME = {"aya": "cohere", "gemma3n": "gemma3", "qwen3_5": "qwen3"}
"""Templates that render text as another one does."""


class TemplateRefusal(Exception):
    """A chat template does not render these messages, for the reason that it gives."""


class ChatTemplate:
    """A chat template.

    :param source: its text, in Jinja.
    :param tokens: what it may name of the tokenizer, such as `bos_token`.
    """

    def __init__(self, source: str, tokens: Mapping[str, str]) -> None:
        self.source = source
        self.tokens = tokens

    def render(self, messages: Sequence[Mapping[str, Any]], /, add_generation_prompt: bool = False, **more: Any) -> str:
        """The text of a conversation.

        :param messages: each with `role` and `content`, and what else the template reads.
        :param add_generation_prompt: end with what comes before an answer.
        :param more: other variables of the template, such as `tools`.
        :raises TemplateRefusal: when the template does not take these messages.
        """
        talk = {"messages": messages, "add_generation_prompt": add_generation_prompt}
        try:
            return compiled(self.source).render({"tools": None, "documents": None, **self.tokens, **more, **talk})
        except Exception as error:  # a template is code of its own, and may raise whatever code does
            raise TemplateRefusal(str(error) or type(error).__name__) from None


def template_names() -> list[str]:
    """The templates that a config may name."""
    return sorted([*(path.stem for path in _FOLDER.glob("*.jinja")), *_SAME])


def template_problem(choice: str | None, given: str | None) -> tuple[str, str] | None:
    """What is wrong with a config's `chat_template`, and the remedy.

    :param given: its `chat_template_jinja`.
    """
    if choice == GIVEN and not given:
        return "`chat_template: jinja` stands without the template itself", "give it as `chat_template_jinja`"
    if choice and choice != GIVEN and given:
        message = f"`chat_template: {choice}` and `chat_template_jinja` are two templates"
        return message, f"remove one of them, or write `chat_template: {GIVEN}` for the latter"
    name = (choice or OWN).removeprefix(FALLBACK)
    names = template_names() if name != (choice or OWN) else [GIVEN, OWN, *template_names()]
    if name in names:
        return _syntax_problem(given) if given else None
    return f"there is no chat template {name!r}", _remedy(name, names)


def _remedy(name: str, names: Sequence[str]) -> str:
    """What to name in place of an unknown template; one with another number is for another model.

    :param names: those that may stand there.
    """
    alike = [known for known in names if _digits(known) == _digits(name)]
    if near := get_close_matches(name, alike, n=1):
        return f"did you mean `{near[0]}`?"
    known = ", ".join(template_names())
    return f"`{OWN}` is the model's own, and `chat_template_jinja` takes any; known by name: {known}"


def _digits(name: str) -> str:
    return "".join(filter(str.isdigit, name))


def _syntax_problem(source: str) -> tuple[str, str] | None:
    import jinja2

    try:
        compiled(source)
    except (jinja2.TemplateError, SyntaxError, RecursionError) as error:  # Python's own for blocks that go too deep
        return f"`chat_template_jinja` is no Jinja template: {error}", "mend it"
    return None


def choose_template(choice: str | None, given: str | None, own: str | None) -> str | None:
    """The text of the template that a config means; None where it names none and the tokenizer has none.

    :param choice: the config's `chat_template`.
    :param given: the config's `chat_template_jinja`.
    :param own: the tokenizer's template.
    :raises UsageError: when the tokenizer should have one and has not.
    """
    if choice == GIVEN or (given and not choice):
        return given
    if choice is None or choice == OWN:
        if choice == OWN and own is None:
            raise UsageError("the base model's tokenizer has no chat template", "name one: `chat_template: chatml`")
        return own
    if choice.startswith(FALLBACK) and own is not None:
        return own
    return _named(choice.removeprefix(FALLBACK))


def _named(name: str) -> str:
    return (_FOLDER / f"{_SAME.get(name, name)}.jinja").read_text(encoding="utf-8")


@cache
def compiled(source: str) -> "Template":
    """The template, ready to be rendered.

    The conventions are those by which Hugging Face tokenizers apply their templates.

    :raises jinja2.TemplateError: when its syntax is wrong.
    """
    import jinja2
    from jinja2.ext import loopcontrols
    from jinja2.sandbox import ImmutableSandboxedEnvironment

    def refuse(message: str) -> None:
        raise jinja2.TemplateError(message)

    environment = ImmutableSandboxedEnvironment(trim_blocks=True, lstrip_blocks=True)
    environment.add_extension(loopcontrols)
    environment.add_extension(_generation_tag())
    environment.filters["tojson"] = _to_json
    environment.globals["raise_exception"] = refuse
    environment.globals["strftime_now"] = lambda form: datetime.now().strftime(form)
    return environment.from_string(source)


def _to_json(value: Any, ensure_ascii: bool = False, **options: Any) -> str:
    # Jinja's own filter escapes HTML.
    return json.dumps(value, ensure_ascii=ensure_ascii, **options)


@cache
def _generation_tag() -> Any:
    from jinja2 import nodes
    from jinja2.ext import Extension
    from jinja2.parser import Parser

    class GenerationTag(Extension):
        """`{% generation %}` marks what the model says; it is rendered as it is."""

        tags = {"generation"}

        def parse(self, parser: Parser) -> list[nodes.Node]:
            next(parser.stream)
            return parser.parse_statements(("name:endgeneration",), drop_needle=True)

    return GenerationTag
