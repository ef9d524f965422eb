"""One config from file, environment, `--set` and flags, in rising order; every problem told at once with its place."""

from collections.abc import Sequence
from pathlib import Path

from ftk.config.block import block_schema
from ftk.config.marked_yaml import MarkedYaml, read_yaml
from ftk.config.overrides import Override, apply, placer
from ftk.config.providers import choose, engine_on_gpus, keys_of, tells_providers
from ftk.config.resolved import Config
from ftk.config.schema import complete, find_problems
from ftk.config.unread import unread_choices, unread_keys
from ftk.environments.choosing import unknown_names
from ftk.errors import ProblemsFound, UsageError
from ftk.hooks.loading import DISABLE_VARIABLE, disabled_here, unknown_disabled
from ftk.hooks.manager import Manager
from ftk.loggers.choosing import choose_loggers, logger_keys, output_problems


def read_config(path: Path) -> MarkedYaml:
    """The content of a config file.

    :raises UsageError: when it cannot be read.
    """
    try:
        return read_yaml(path.read_text(encoding="utf-8"), str(path))
    except OSError as error:
        raise UsageError(f"{path}: {error.strerror}", "name a YAML file, such as configs/quickstart.yml") from None
    except UnicodeDecodeError as error:
        raise UsageError(f"{path}: is no text in UTF-8 (byte {error.start})", "save the file as UTF-8") from None


def resolve(raw: MarkedYaml, overrides: Sequence[Override], manager: Manager) -> Config:
    """Apply the overrides, choose the providers, fill in the defaults and check everything.

    :param raw: the file.
    :param overrides: in rising order.
    :raises ProblemsFound: with everything that is wrong.
    """
    values, problems = apply(raw.values, overrides)
    place = placer(raw, overrides)
    block = block_schema(manager)
    given = values.get("ftk")
    values["ftk"] = complete({} if given is None else given, block)
    problems += find_problems(values["ftk"], block, place, ("ftk",))
    if not tells_providers(values["ftk"], block):
        raise ProblemsFound(problems)
    chosen, misnamed = choose(values["ftk"], manager, place)
    loggers, unknown_loggers = choose_loggers(values["ftk"]["loggers"], values, manager, place)
    disabled = (
        *unknown_disabled(values["ftk"]["disable_plugins"], place(("ftk", "disable_plugins"))),
        *unknown_disabled(disabled_here(), f"the environment variable {DISABLE_VARIABLE}"),
    )
    unknown = [*unknown_loggers, *disabled, *unknown_names(values["ftk"]["environments"], manager, place)]
    keys = {**logger_keys(manager), **keys_of(chosen, manager)}
    schema = {"type": "object", "properties": keys, "required": ["base_model", "datasets"]}
    checked = complete({key: value for key, value in values.items() if key != "ftk"}, schema)
    # Without all providers nobody knows all the keys, so an unread one would be a false alarm.
    on_gpus = "" if misnamed else engine_on_gpus(values["ftk"], manager)
    unread = () if misnamed else unread_keys(checked, keys, chosen, manager, place, on_gpus)
    taken = output_problems(checked, manager, place)
    choices = unread_choices(checked, chosen, manager, place)
    problems += [*misnamed, *find_problems(checked, schema, place), *choices, *unread, *unknown, *taken]
    if problems:
        raise ProblemsFound(problems)
    values["ftk"]["loggers"] = loggers
    values["ftk"]["engine"] = chosen["train"]
    values["ftk"]["stages"] = {stage: name for stage, name in chosen.items() if stage != "train"}
    return Config({**checked, "ftk": values["ftk"]}, place)


def named_plugins(raw: MarkedYaml, overrides: Sequence[Override]) -> tuple[list[str], list[str]]:
    """The plugins in single files and the disabled ones that a config names, before anything else of it is understood.

    What does not fit is passed over here, since `resolve` tells it.
    """
    values, _ = apply(raw.values, overrides)
    block = values.get("ftk")
    lists = [block.get(key) if isinstance(block, dict) else None for key in ("plugins", "disable_plugins")]
    files, disabled = ([item for item in found or [] if isinstance(item, str)] for found in lists)
    return files, disabled
