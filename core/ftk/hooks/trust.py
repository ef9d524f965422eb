"""Plugins that a config or a run brings in single files: found, and run only when the person agrees.

Both may come from anywhere, and to work with them must not run code of their author unasked.
"""

import hashlib
from collections.abc import Callable, Sequence
from pathlib import Path

from ftk import files
from ftk.errors import UsageError
from ftk.hooks.loading import PluginFile

FOLDER = "trusted"
"""In the cache: an empty file for each plugin that was agreed to, named by the content."""

Ask = Callable[[str], bool]
"""Asks the person a question that is answered by yes or no; gives no where nobody can be asked."""


def read_plugin_file(path: Path) -> PluginFile:
    """The plugin in a file.

    :raises UsageError: when the file cannot be read or is none of Python.
    """
    if path.suffix != ".py" or not path.stem.isidentifier():
        raise UsageError(f"{path} is no plugin", "name a Python file such as my_format.py, or install a package")
    try:
        return PluginFile(path.stem, path.read_bytes().decode(), str(path))
    except (OSError, UnicodeDecodeError) as error:
        why = error.strerror if isinstance(error, OSError) else "it is no text in UTF-8"
        raise UsageError(f"the plugin {path} cannot be read: {why}", "check its name") from None


def refuse_untrusted(plugins: Sequence[PluginFile], whose: str, cache: Path, trust: bool, ask: Ask) -> None:
    """Stop at a plugin whose code the person has not agreed to run, in exactly this form.

    :param whose: who brings the plugins, such as "the config".
    :param cache: the cache's folder, where a yes is remembered.
    :param trust: the yes, given beforehand.
    """
    for plugin in plugins:
        mark = cache / FOLDER / hashlib.sha256(plugin.source.encode()).hexdigest()
        if mark.exists():
            continue
        told = f"{whose} names the plugin {plugin.path}, whose code would run on this machine"
        if not trust and not ask(f"{told}. Run it?"):
            raise UsageError(told, "read it; `--trust` runs it, and it is not asked again until the file changes")
        with files.locked(cache / "locks" / f"{FOLDER}.lock"):  # two calls may be told yes at once
            files.write_text(mark, "")
