"""Data sets of the Hugging Face hub: the files that their card names, or else their data files."""

from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

from ftk.plugin import COMPRESSED, KINDS, Artifact, DataSet, FtkError, Repository, Run, UsageError, download, files

CARD = "README.md"

LOCAL = "a file or folder on this machine, or a data set of the hub such as org/name"


def fetch(run: Run, item: DataSet) -> tuple[Path, list[Path]]:
    """Fetch the files to read of one commit.

    :returns: the folder that they lie in, and the files.
    :raises FtkError: when the hub does not give them.
    """
    revision = item.entry.get("revision")
    repository = Repository("dataset", item.path, revision, "path", "revision", LOCAL)
    card = download(repository, (CARD,), run.id) / CARD
    commit = card.parent.name
    names = item.names or _names_of_card(card, item) or _names_of_folder(item)
    snapshot = download(replace(repository, revision=commit), _patterns(names), run.id)
    chosen = replace(item, entry={**item.entry, "data_files": names})
    try:
        found = chosen.choose(snapshot)
    except UsageError as error:
        raise FtkError(error.message.replace(str(snapshot), f"the hub's data set {item.path}"), error.remedy) from None
    inner = [file.relative_to(snapshot).as_posix() for file in found]

    def link(folder: Artifact) -> None:
        for name in inner:
            files.link_file(snapshot / name, run.path(folder / name))

    entry = run.cached("fetched", {"hub_dataset": item.path, "commit": commit, "files": inner}, link)
    return run.path(entry), [run.path(entry / name) for name in inner]


def _patterns(names: Sequence[str]) -> list[str]:
    """What to download: `fnmatch` takes a `*` for slashes too, so that it knows no `**/`."""
    endings = [f"*{ending}{packed}" for ending in KINDS for packed in ("", *COMPRESSED)]
    return [name.replace("**/", "") for name in names] or endings


def _names_of_card(card: Path, item: DataSet) -> list[str]:
    """The files of the wanted configuration and split, as the front matter of the card lists them."""
    configs = _front_matter(card).get("configs") or []
    name = item.entry.get("name")
    named = [config for config in configs if config.get("config_name") == name]
    default = [config for config in configs if config.get("default")] or [
        config for config in configs if config.get("config_name", "default") == "default"
    ]
    chosen = named if name else default or configs[:1]
    if configs and not chosen:
        known = ", ".join(str(config.get("config_name")) for config in configs)
        raise FtkError(f"the hub's data set {item.path} has no configuration {name!r}", f"those it has: {known}")
    return _names_of(chosen[0], item) if chosen else []


def _names_of(config: Mapping[str, Any], item: DataSet) -> list[str]:
    given = config.get("data_files") or ([f"{config['data_dir']}/*"] if config.get("data_dir") else [])
    listed = given if isinstance(given, list) else [given]
    splits = {entry["split"]: entry["path"] for entry in listed if isinstance(entry, Mapping)}
    if not splits:
        return [str(name) for name in listed]
    if item.split not in splits:
        message = f"the hub's data set {item.path} has no split {item.split}"
        raise FtkError(message, f"name one as `split`: {', '.join(splits)}")
    path = splits[item.split]
    return list(path) if isinstance(path, list) else [path]


def _names_of_folder(item: DataSet) -> list[str]:
    """Without a card, a configuration is a folder."""
    return [f"{item.entry['name']}/**/*"] if item.entry.get("name") else []


def _front_matter(card: Path) -> Mapping[str, Any]:
    # Imported here since every command of ftk loads this plugin.
    import yaml

    text = card.read_text(encoding="utf-8") if card.is_file() else ""
    if not text.startswith("---\n"):
        return {}
    try:
        found = yaml.safe_load(text.split("\n---", 1)[0])
    except yaml.YAMLError:
        return {}
    return found if isinstance(found, Mapping) else {}
