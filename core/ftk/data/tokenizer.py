"""The base model's tokenizer as a config changes it: added tokens, special tokens, chat template."""

import json
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

from ftk import files
from ftk.config.schema import Schema
from ftk.data.chat import TEMPLATE_FILE, choose_template
from ftk.errors import FtkError, UsageError

if TYPE_CHECKING:
    from tokenizers import Tokenizer

TOKENIZER_FILE = "tokenizer.json"

CONFIG_FILE = "tokenizer_config.json"

OLDER_FILE = "special_tokens_map.json"
"""Where older tokenizers keep what others have in `tokenizer_config.json`."""

REVISION = 1
"""Raised when the same tokenizer and config would give other files."""

NAMED = ("bos_token", "eos_token", "unk_token", "sep_token", "pad_token", "cls_token", "mask_token")
"""Special tokens with a part of their own, in the order in which missing ones are added."""

_TOLD_ELSEWHERE = ("added_tokens_decoder", "chat_template")
"""Parts of an older `tokenizer_config.json` that the other two files tell, now changed."""

_TEXT: Schema = {"type": ["string", "null"]}

TOKENIZER: Mapping[str, Schema] = {
    "tokens": {
        "type": ["array", "null"],
        "items": {"type": "string", "minLength": 1},
        "default": None,
        "description": "tokens to add to the vocabulary",
    },
    "special_tokens": {
        "type": ["object", "null"],
        "additionalProperties": False,
        "properties": {
            **dict.fromkeys(("bos_token", "eos_token", "pad_token", "unk_token"), _TEXT),
            "additional_special_tokens": {"type": ["array", "null"], "items": {"type": "string"}},
        },
        "default": None,
        "description": "tokens with a special part, added where the vocabulary lacks them",
    },
    "added_tokens_overrides": {
        "type": ["object", "null"],
        "propertyNames": {"pattern": "^[0-9]+$", "description": "ids of tokens, each with its text"},
        "additionalProperties": {"type": "string"},
        "default": None,
        "description": "new texts for reserved tokens, by their ids",
    },
    "chat_template": {
        **_TEXT,
        "default": None,
        "description": "the name of a chat template, `tokenizer_default` or `jinja`",
    },
    "chat_template_jinja": {**_TEXT, "default": None, "description": "a chat template, or a file that holds one"},
}
"""What a stage declares that calls `run.tokenizer()`: keys on which the tokenizer depends."""


def adapt(source: Path, target: Path, config: Mapping[str, Any]) -> None:
    """Write the changed tokenizer, with new tokens in the order that configs of this kind have always meant.

    :param source: the tokenizer's folder.
    :param target: an empty folder.
    :param config: the keys of `TOKENIZER`.
    :raises UsageError: when a token cannot be changed, or a template is missing.
    """
    named = read_named(source)
    tokenizer = _tokenizer(source, named, config.get("added_tokens_overrides") or {})
    _add_missing(tokenizer, named)
    _add_configured(tokenizer, named, config)
    if named.get("pad_token") is None and named.get("eos_token") is not None:
        named["pad_token"] = named["eos_token"]
    template = choose_template(config.get("chat_template"), config.get("chat_template_jinja"), own_template(source))
    tokenizer.save(str(target / TOKENIZER_FILE))
    named |= {name: text_of(named[name]) for name in NAMED if name in named}
    files.write_json(target / CONFIG_FILE, {key: value for key, value in named.items() if key not in _TOLD_ELSEWHERE})
    if template is not None:
        files.write_text(target / TEMPLATE_FILE, template)


def tokenizer_digest(folder: Path) -> dict[str, str]:
    """The identity of everything in a folder that makes a tokenizer."""
    names = (TOKENIZER_FILE, CONFIG_FILE, OLDER_FILE, TEMPLATE_FILE)
    return {name: files.sha256(folder / name) for name in names if (folder / name).is_file()}


def read_named(folder: Path) -> dict[str, Any]:
    """The content of `tokenizer_config.json`, with what older tokenizers keep in a file beside it."""
    named = _read(folder / CONFIG_FILE)
    older = _read(folder / OLDER_FILE)
    return named if "added_tokens_decoder" in named else {**named, **older}


def _read(path: Path) -> dict[str, Any]:
    """The JSON object in a file of the tokenizer; an empty one where there is no such file.

    :raises FtkError: when it is damaged.
    """
    try:
        found = json.loads(path.read_text(encoding="utf-8"))
    except FileNotFoundError:
        return {}
    except ValueError:
        raise _damaged(path) from None
    if not isinstance(found, dict) or not all(_is_token(found.get(name)) for name in NAMED):
        raise _damaged(path)
    return found


def _is_token(value: Any) -> bool:
    return value is None or isinstance(value, str) or (isinstance(value, dict) and "content" in value)


def _damaged(path: Path) -> FtkError:
    return FtkError(f"the base model's {path.name} is damaged", "fetch or copy its tokenizer again")


def own_template(folder: Path) -> str | None:
    """The chat template of the tokenizer in a folder."""
    if (folder / TEMPLATE_FILE).is_file():
        return (folder / TEMPLATE_FILE).read_text(encoding="utf-8")
    template = read_named(folder).get("chat_template")
    if isinstance(template, list):
        template = next((item["template"] for item in template if item["name"] == "default"), None)
    return template


def text_of(token: str | Mapping[str, Any] | None) -> str | None:
    """The text of a special token, which may stand with its properties."""
    return token["content"] if isinstance(token, Mapping) else token


def _tokenizer(source: Path, named: dict[str, Any], overrides: Mapping[str, str]) -> "Tokenizer":
    from tokenizers import Tokenizer

    content = _read(source / TOKENIZER_FILE)
    if not isinstance(content.get("model"), dict):
        raise _damaged(source / TOKENIZER_FILE)
    _renew(content, named, _read(source / "config.json").get("model_type"))
    for token, text in overrides.items():
        _rename(content, int(token), text)
    try:
        return Tokenizer.from_str(json.dumps(content))
    except Exception:  # the library has no class of errors
        raise _damaged(source / TOKENIZER_FILE) from None


def _renew(content: dict[str, Any], named: dict[str, Any], model_type: str | None) -> None:
    """Write down what else only readers of this class know, so that all take `tokenizer.json` as it is.

    Files of older Llama models put the mark of a blank before each piece between special tokens; for models of that
    type, it has since been put where the class says.
    """
    if str(named.get("tokenizer_class")).removesuffix("Fast") != "LlamaTokenizer":
        return
    named["tokenizer_class"] = "PreTrainedTokenizerFast"
    named.setdefault("model_input_names", ["input_ids", "attention_mask"])
    if model_type != "llama":
        return
    if named.get("pad_token") is None and "</s>" in content["model"]["vocab"]:
        named["pad_token"] = "</s>"
    if '"Prepend"' in json.dumps(content.get("normalizer")):
        scheme = "always" if named.get("legacy") else "first"
        before = "never" if named.get("add_prefix_space") is False else scheme
        content["normalizer"] = None
        content["pre_tokenizer"] = {"type": "Metaspace", "replacement": "▁", "prepend_scheme": before, "split": False}


def _rename(content: dict[str, Any], token: int, text: str) -> None:
    found = next((item for item in content["added_tokens"] if item["id"] == token), None)
    if found is None:
        raise UsageError(
            f"added_tokens_overrides names the token {token}, which is none of the tokenizer's added tokens",
            "name the id of a reserved token, or add a new one with `tokens`",
        )
    vocabulary = content["model"].get("vocab")
    if isinstance(vocabulary, dict) and vocabulary.get(found["content"]) == token:
        del vocabulary[found["content"]]
        vocabulary[text] = token
    found["content"] = text


def _add_missing(tokenizer: "Tokenizer", named: Mapping[str, Any]) -> None:
    """Add what the tokenizer's config names and its vocabulary lacks, as loading it does."""
    from tokenizers import AddedToken

    for _, properties in sorted((named.get("added_tokens_decoder") or {}).items(), key=lambda item: int(item[0])):
        if tokenizer.token_to_id(properties["content"]) is None:
            special = tokenizer.add_special_tokens if properties.get("special") else tokenizer.add_tokens
            special([_added(properties)])
    tokens = [named.get(name) for name in NAMED] + _additional(named)
    tokenizer.add_special_tokens(
        [_added(item) if isinstance(item, Mapping) else AddedToken(item, normalized=False) for item in tokens if item]
    )


def _added(properties: Mapping[str, Any]) -> Any:
    from tokenizers import AddedToken

    flags = {name: bool(properties.get(name)) for name in ("single_word", "lstrip", "rstrip", "normalized", "special")}
    return AddedToken(properties["content"], **flags)


def _additional(named: Mapping[str, Any]) -> list[Any]:
    given = named.get("extra_special_tokens") or named.get("additional_special_tokens") or []
    return list(given.values()) if isinstance(given, Mapping) else list(given)


def _add_configured(tokenizer: "Tokenizer", named: dict[str, Any], config: Mapping[str, Any]) -> None:
    from tokenizers import AddedToken

    special = config.get("special_tokens") or {}
    for name in ("bos_token", "eos_token", "pad_token", "unk_token"):
        if text := special.get(name):
            tokenizer.add_special_tokens([AddedToken(text, normalized=False)])
            named[name] = text
    tokenizer.add_tokens([AddedToken(text, normalized=False) for text in config.get("tokens") or ()])
    if additional := special.get("additional_special_tokens"):
        tokenizer.add_special_tokens([AddedToken(text, normalized=False) for text in additional])
        named.pop("extra_special_tokens", None)
        named["additional_special_tokens"] = list(additional)
