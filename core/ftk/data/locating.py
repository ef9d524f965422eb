"""Find the files that a config names on this machine, and put a run's data into its draft."""

from collections.abc import Callable, Iterator, Mapping
from os.path import commonpath
from pathlib import Path
from typing import Any

from ftk import files
from ftk.config.resolved import Config
from ftk.data.sources import COMPRESSED, ELSEWHERE, LOCATED, DataSet, data_sets, exists, is_there
from ftk.errors import Problem, UsageError

ADAPTER = "lora_model_dir"
"""The key that names an adapter to go on from, and the folder of a run that holds its files."""

MODELS = ("base_model", ADAPTER)
"""Keys whose values may be a folder here, or a name elsewhere."""

ADDRESS = "://"
"""What tells an address from a path."""


def locate(path: str, folder: Path) -> Path:
    """A path of a config made absolute: from the current folder, or else from the config's."""
    here, beside = _of_user(Path(path)).absolute(), (folder / path).absolute()
    return beside if not exists(here) and exists(beside) else here


def _of_user(path: Path) -> Path:
    """The path with its `~` as a folder; one of a user that there is not stays as it is."""
    try:
        return path.expanduser()
    except RuntimeError:
        return path


def located_models(config: Config, folder: Path) -> dict[str, Any]:
    """The keys that name a model or an adapter to begin with, with a path made absolute."""
    return {key: _located_model(config[key], folder) for key in MODELS if config.get(key)}


def _located_model(ref: str, folder: Path) -> str:
    found = locate(ref, folder)
    return str(found) if is_there(found) else ref


def located_data(config: Config, folder: Path) -> dict[str, Any]:
    """The keys of the data sets, with their paths made absolute."""
    return _changed(config, lambda item: {**item.entry, "path": _located(item, folder)})


def _located(item: DataSet, folder: Path) -> str:
    if ADDRESS in item.path or item.is_elsewhere:
        return item.path
    found = locate(item.path, folder)
    return item.path if not exists(found) and item.is_on_hub(folder) else str(found)


def data_problems(config: Config) -> list[Problem]:
    """The data sets that are neither here nor on the hub, and folders without files to read."""
    return [
        problem
        for item in data_sets(config)
        if not (item.is_on_hub(LOCATED) or item.is_elsewhere)
        for problem in _data_problems(config, item)
    ]


def _data_problems(config: Config, item: DataSet) -> Iterator[Problem]:
    place = config.place((item.key, item.number, "path"))
    if ADDRESS in item.path:
        yield Problem(place, f"{item.path} is an address, and data are read of files", "download it, and name the file")
        return
    if not item.is_local(LOCATED):
        remedy = "give its path from here or from the config's folder, or `--data FILE`"
        yield Problem(place, f"there is no data file {item.path}", remedy)
        return
    try:
        item.files(LOCATED)
    except UsageError as error:
        yield Problem(place, error.message, error.remedy)


def put_data(config: Config, draft: Path) -> dict[str, Any]:
    """Put the data into a run's draft: `data.jsonl`, `data-2.csv`, a folder where they are several, `test-data.jsonl`.

    The draft leads to the person's files; it is the backend that copies them, once.

    :returns: the keys of the data sets, with their paths in the run.
    """
    return _changed(config, lambda item: _put(item, draft) if item.is_local(LOCATED) else _left(item))


def put_adapter(config: Config, draft: Path) -> dict[str, Any]:
    """Put the adapter to go on from into a run's draft, as `put_data` does: the files that lie in its folder itself.

    So none of a training's checkpoints come along, and what changes there later is not the run's.

    :returns: the key, with its path in the run; nothing where it names no folder here.
    """
    folder = Path(config.get(ADAPTER) or "")
    if not (folder.is_absolute() and folder.is_dir()):
        return {}
    for file in folder.iterdir():
        if file.is_file():
            files.refer(draft / ADAPTER / file.name, file)
    return {ADAPTER: ADAPTER}


def _left(item: DataSet) -> dict[str, Any]:
    """An entry whose data stay where they are."""
    return {**item.entry, "path": item.path.removeprefix(ELSEWHERE)}


def _put(item: DataSet, draft: Path) -> dict[str, Any]:
    number = f"-{item.number + 1}" if item.number else ""
    name = f"{'test-' if item.key == 'test_datasets' else ''}data{number}"
    path = Path(item.path)
    if path.is_file():
        name += _suffixes(path)
        files.refer(draft / name, path)
        return {**item.entry, "path": name}
    found = item.files(LOCATED)
    base = path if path.is_dir() else Path(commonpath([file.parent for file in found]))
    names = [file.relative_to(base).as_posix() for file in found]
    for file, inner in zip(found, names, strict=True):
        files.refer(draft / name / inner, file)
    return {**item.entry, "path": name, "data_files": names}


def _suffixes(path: Path) -> str:
    return (Path(path.stem).suffix if path.suffix in COMPRESSED else "") + path.suffix


def _changed(config: Config, change: Callable[[DataSet], Mapping[str, Any]]) -> dict[str, Any]:
    changed: dict[str, list[Mapping[str, Any]]] = {}
    for item in data_sets(config):
        changed.setdefault(item.key, []).append(change(item))
    return dict(changed)
