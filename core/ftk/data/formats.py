"""Dataset formats: how the rows of a data set become what is tokenised."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from difflib import get_close_matches
from typing import TYPE_CHECKING, Any, Protocol, runtime_checkable

from ftk.artifacts import DataKind
from ftk.config.schema import Place, Schema, complete, find_problems
from ftk.data.rows import Flat, Segment
from ftk.errors import Problem
from ftk.hooks.stages import DATASET_KEYS

if TYPE_CHECKING:
    from ftk.config.resolved import Config
    from ftk.data.tokenising import RowTokenizer

USER_DEFINED = "user_defined"
"""The format of a data set whose `type` is a mapping."""

TOKENISED = "tokenised"
"""The format of a data set without a `type`: its rows hold token ids."""

PASSTHROUGH = "passthrough"
"""The same with `rl`: its rows hold text that is ready for the model."""

FAMILIES = {"dpo": "dpo", "ipo": "dpo", "simpo": "dpo", "orpo": "orpo", "kto": "kto"}
"""The formats that a config's `rl` calls for: the beginning of their names."""


class DatasetFormat(Protocol):
    """How the rows of a data set become segments.

    `name` is what a config's `type` says. `schema` is the JSON schema of the format's options: keys beside `type`, or
    for `user_defined` the mapping that `type` is; an option that an entry lacks is taken from the top level of the
    config, if it stands there. `revision` is raised when the same row would give other segments.

    A format for `rl` has a name that begins with `dpo.`, `orpo.` or `kto.`, which a config leaves out.
    """

    name: str
    revision: int
    schema: Schema

    def segments(self, row: Mapping[str, Any], options: Mapping[str, Any], train_on_inputs: bool) -> Flat:
        """The segments of one row, in order.

        :param row: the fields of the row.
        :param options: the options, with defaults.
        :param train_on_inputs: whether prompts carry loss too.
        :raises RowError: when the row does not fit.
        """
        ...


@runtime_checkable
class BoundFormat(Protocol):
    """A format that needs the tokenizer, such as its chat template.

    While a config is checked there is none yet: `segments` is then called only to find what is wrong with rows.
    """

    def bound(self, tokenizer: "RowTokenizer", options: Mapping[str, Any]) -> DatasetFormat:
        """The format as it works with a tokenizer and options.

        :raises UsageError: when the tokenizer cannot serve it.
        """
        ...


def kind_of_data(rl: str | None) -> DataKind:
    """What the rows of a config are trained for."""
    return "unpaired" if rl == "kto" else "preference" if rl else "sft"


@runtime_checkable
class PromptFormat(Protocol):
    """A format that can make a prompt without an answer, as `ftk infer --field` needs it."""

    def prompt(self, row: Mapping[str, Any], options: Mapping[str, Any]) -> Sequence[Segment]:
        """The segments before the answer, as a row with one would have them.

        :param row: the fields of the row, of which those of the answer may be missing.
        :param options: the options, with defaults.
        :raises RowError: when the row does not fit.
        """
        ...


@dataclass(frozen=True)
class Turns:
    """How a format puts a question, as the fixed texts around what a person says.

    :param before: what stands before the question.
    :param after: what stands between it and the answer.
    :param system: the system prompt of whoever gives none.
    :param before_system: what stands before a system prompt.
    :param after_system: what stands behind it.
    :param without_system: what stands in the place of all three where there is no system prompt.
    """

    before: str
    after: str
    system: str = ""
    before_system: str = ""
    after_system: str = ""
    without_system: str = ""


@runtime_checkable
class TemplateFormat(Protocol):
    """A format that can be put as a chat template, so that a served model is asked as it was trained."""

    def template(self, options: Mapping[str, Any], own: str | None) -> Turns | str | None:
        """Fixed texts, or a template in Jinja; None where there is none.

        :param options: the options, with defaults.
        :param own: the tokenizer's template.
        """
        ...


def bind(form: DatasetFormat, tokenizer: "RowTokenizer", options: Mapping[str, Any]) -> DatasetFormat:
    """The format with the tokenizer, if it needs one."""
    return form.bound(tokenizer, options) if isinstance(form, BoundFormat) else form


def name_of_format(entry: Mapping[str, Any], rl: str | None) -> str:
    """The name of the format that an entry of `datasets` calls for.

    :param rl: the config's `rl`.
    """
    given = entry.get("type")
    untyped = PASSTHROUGH if rl else TOKENISED
    name = untyped if given in (None, "") else given if isinstance(given, str) else USER_DEFINED
    if not rl:
        return name
    return f"{FAMILIES.get(rl, rl)}.{name}" + ("" if "." in name else ".default")


def options_of_format(entry: Mapping[str, Any], form: DatasetFormat, config: "Config") -> dict[str, Any]:
    """The format's options, with defaults."""
    if isinstance(entry.get("type"), Mapping):
        return dict(complete(dict(entry["type"]), form.schema))
    known = form.schema.get("properties", {})
    shared = {key: config.get(key) for key in known if config.get(key) is not None}
    own = {key: value for key, value in entry.items() if key in known}
    if own.get("chat_template_jinja"):
        shared.pop("chat_template", None)  # the entry has a template of its own
    return dict(complete({**shared, **own}, form.schema))


def entry_problems(
    entry: Mapping[str, Any], rl: str | None, formats: Mapping[str, DatasetFormat], place: Place, path: tuple[Any, ...]
) -> list[Problem]:
    """What is wrong with an entry of `datasets`: its format, or keys that the format does not know.

    :param path: where the entry stands in the config.
    """
    name = name_of_format(entry, rl)
    if name not in formats:
        return [_unknown(name, rl, formats, place((*path, "type")))]
    schema, given = formats[name].schema, entry.get("type")
    keys = dict(DATASET_KEYS)
    problems: list[Problem] = []
    if isinstance(given, Mapping):
        problems += _mapping_problems(given, rl, schema, formats, place, (*path, "type"))
    else:
        keys.update(schema.get("properties", {}))
    whole: Schema = {"type": "object", "additionalProperties": False, "properties": keys}
    return [*problems, *find_problems(complete(dict(entry), whole), whole, place, path)]


def _mapping_problems(
    given: Mapping[str, Any],
    rl: str | None,
    schema: Schema,
    formats: Mapping[str, DatasetFormat],
    place: Place,
    path: tuple[Any, ...],
) -> list[Problem]:
    """What is wrong with a `type` that is a mapping."""
    problems = list(find_problems(complete(dict(given), schema), schema, place, path))
    plain = formats[USER_DEFINED].schema if rl and USER_DEFINED in formats else schema
    if not problems or any(find_problems(complete(dict(given), plain), plain, place, path)):
        return problems
    remedy = f"name the fields of such rows ({', '.join(schema.get('properties', ()))}), or remove `rl`"
    wanted = "answers that are good or bad" if kind_of_data(rl) == "unpaired" else "a better and a worse answer"
    return [Problem(place(path), f"these are fields of one answer a row, but `rl: {rl}` learns from {wanted}", remedy)]


def _unknown(name: str, rl: str | None, formats: Mapping[str, DatasetFormat], place: str) -> Problem:
    family = f"{FAMILIES.get(rl, rl)}." if rl else ""
    known = {
        item.removeprefix(family)
        for item in formats
        if (item.startswith(family) if family else item.partition(".")[0] not in FAMILIES.values())
    }
    shown = name.removeprefix(family)
    near = get_close_matches(shown, sorted(known), n=1)
    remedy = f"did you mean `{near[0]}`?" if near else f"those known: {', '.join(sorted(known))}"
    return Problem(place, f"there is no dataset format {shown!r}" + (f" for `rl: {rl}`" if rl else ""), remedy)
