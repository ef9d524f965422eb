"""Make the package of a new plugin from a working example of its kind."""

from dataclasses import dataclass
from pathlib import Path

from ftk import files
from ftk.errors import UsageError
from ftk.hooks.loading import find_plugins

TEMPLATES = Path(__file__).parent / "templates"

PLACEHOLDER = "myplugin"
"""The plugin's name in the templates."""


@dataclass(frozen=True)
class Kind:
    """A kind of plugin.

    :param sentence: what the package is.
    :param use: how it is used.
    """

    sentence: str
    use: str


KINDS = {
    "format": Kind("A dataset format for ftk.", "A config uses it by `type: myplugin` in its `datasets`."),
    "logger": Kind("A logger for ftk.", "`ftk run CONFIG --logger myplugin` uses it, or `ftk.loggers` in a config."),
    "engine": Kind("A training engine for ftk.", "`ftk run CONFIG --engine myplugin` uses it."),
    "backend": Kind("A place where ftk's runs live and work.", "`ftk run CONFIG --backend myplugin` uses it."),
}


def create_package(name: str, kind: str, folder: Path) -> list[Path]:
    """Write the package `ftk-NAME` into a new folder.

    :param name: of the plugin: a word in lower case.
    :param kind: one of `KINDS`.
    :param folder: is made; must not be there yet.
    :returns: the files.
    :raises UsageError: when the name is none or an installed plugin's, or the folder is there.
    """
    if not name.isidentifier() or name != name.lower():
        raise UsageError(f"{name!r} is no name for a plugin", "use a word in lower case, such as my_format")
    if name in [plugin.name for plugin in find_plugins()]:
        raise UsageError(f"there is a plugin {name!r} already", "choose another name: two of one name do not work")
    if folder.exists():
        raise UsageError(f"{folder} is there already", "name another folder: --folder")
    sources = [*(TEMPLATES / "common").iterdir(), *(TEMPLATES / kind).glob("*.py")]
    with files.new_folder(folder) as partial:
        for source in sources:
            files.write_text(partial / _named(source.name, name), _content(source, name, KINDS[kind]))
    return sorted(folder.iterdir())


def _content(source: Path, name: str, kind: Kind) -> str:
    text = source.read_text(encoding="utf-8")
    text = text.replace("KIND_SENTENCE", kind.sentence).replace("USE_SENTENCE", kind.use)
    return _named(text, name)


def _named(text: str, name: str) -> str:
    """A text of the templates, about the plugin of this name."""
    text = text.replace(f"ftk-{PLACEHOLDER}", f"ftk-{name.replace('_', '-')}")
    camel = "".join(part.capitalize() for part in name.split("_"))
    return text.replace(PLACEHOLDER, name).replace(PLACEHOLDER.capitalize(), camel)
