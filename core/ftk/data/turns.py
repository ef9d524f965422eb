"""The chat template of a run that was trained on questions: a conversation in the very form of its training.

It goes with the run's tokenizer, so that whoever serves the model answers what it was trained to answer, whatever
template the base model came with.
"""

import json
import re
from collections.abc import Mapping
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Any

from ftk import files
from ftk.data.chat import TEMPLATE_FILE
from ftk.data.formats import DatasetFormat, TemplateFormat, Turns, name_of_format, options_of_format
from ftk.data.tokenising import RowTokenizer

if TYPE_CHECKING:
    from ftk.config.resolved import Config

SAMPLES = ("what", " what", "\nwhat", "What is 1?\n", "[what]", "# what")
"""Beginnings of prompts by which it is seen how the tokenizer begins a text."""

_TEMPLATE = """\
{%- set system = <SYSTEM> -%}
{%- if messages and messages[0]['role'] == 'system' -%}
{%- set system = messages[0]['content'] -%}
{%- set messages = messages[1:] -%}
{%- endif -%}
{%- set before = <BEFORE_SYSTEM> + system + <AFTER_SYSTEM> if system else <WITHOUT_SYSTEM> -%}
{%- for message in messages -%}
{%- if message['role'] == 'user' -%}
{%- set text = (before if loop.first else '') + <BEFORE> + message['content'] + <AFTER> -%}
{{- (<START> if loop.first else '') + text + <END> -}}
{%- elif message['role'] == 'assistant' -%}
{{- message['content'] + <EOS> -}}
{%- else -%}
{{- raise_exception('this model was trained on a system prompt, questions of a user and answers of an assistant') -}}
{%- endif -%}
{%- endfor -%}
"""

_START_GLUED = "(<START> + ('' if text.startswith(<UNGLUED>) else <GLUE>))"


def form_of_training(config: "Config", formats: Mapping[str, DatasetFormat], own: str | None) -> Turns | str | None:
    """The form that all data sets of a config have in common; None where the template stays what it is.

    It does where the config names a template itself, where a format has no form of its own, and where data sets differ.

    :param own: the tokenizer's template.
    """
    if config.get("chat_template") or config.get("chat_template_jinja"):
        return None
    forms = [_form(entry, config, formats, own) for entry in config["datasets"]]
    return forms[0] if all(form == forms[0] for form in forms) else None


def _form(
    entry: Mapping[str, Any], config: "Config", formats: Mapping[str, DatasetFormat], own: str | None
) -> Turns | str | None:
    form = formats.get(name_of_format(entry, config.get("rl")))
    return form.template(options_of_format(entry, form, config), own) if isinstance(form, TemplateFormat) else None


def identity(form: Turns | str) -> Any:
    """A JSON value that tells forms apart."""
    return asdict(form) if isinstance(form, Turns) else form


def write_template(form: Turns | str, folder: Path) -> None:
    """Put the chat template of a form into the folder of a tokenizer."""
    source = form if isinstance(form, str) else make_template(form, RowTokenizer(folder))
    files.write_text(folder / TEMPLATE_FILE, source)


def make_template(turns: Turns, tokenizer: RowTokenizer) -> str:
    """A chat template whose text for a single question has the token ids that the question had in training.

    What training has from the tokenizer, such as a token for the beginning, stands in the text: chats are tokenised
    without it.
    """
    start, end = tokenizer.around()
    glue = _glue(tokenizer, start, end)
    values: dict[str, str | tuple[str, ...]] = {
        "BEFORE_SYSTEM": turns.before_system,
        "AFTER_SYSTEM": turns.after_system,
        "WITHOUT_SYSTEM": turns.without_system,
        "SYSTEM": turns.system,
        "BEFORE": turns.before,
        "AFTER": turns.after,
        "START": start,
        "GLUE": glue,
        "UNGLUED": tuple(dict.fromkeys([" ", *tokenizer.tokens.values()])),
        "END": end,
        "EOS": tokenizer.tokens.get("eos_token", ""),
    }
    template = _TEMPLATE.replace("<START>", _START_GLUED) if glue else _TEMPLATE
    return re.sub("<([A-Z_]+)>", lambda found: _quoted(values[found[1]]), template)


def _quoted(value: str | tuple[str, ...]) -> str:
    """A value as Jinja writes it."""
    if isinstance(value, tuple):
        return f"({', '.join(map(_quoted, value))},)"
    return json.dumps(value, ensure_ascii=False)


def _glue(tokenizer: RowTokenizer, start: str, end: str) -> str:
    """What makes a text that follows `start` begin as the tokenizer begins a text.

    Some mark a blank before the first word of a text only, and a special token that is written out is before it.
    """
    for glue in ("", " ") if start else ():
        joined = {text: start + ("" if text.startswith(" ") else glue) + text + end for text in SAMPLES}
        if all(tokenizer.encode(whole).ids == tokenizer.whole(text) for text, whole in joined.items()):
            return glue
    return ""
