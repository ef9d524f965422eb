"""The versions with which a run was made, for its report."""

import platform
from collections.abc import Iterator, Sequence
from importlib.metadata import PackageNotFoundError, version

from ftk import __version__
from ftk.config.resolved import Config
from ftk.hooks.loading import find_plugins
from ftk.hooks.manager import NO_PROVIDER, Manager


def find_versions(config: Config, stages: Sequence[str], manager: Manager) -> dict[str, str]:
    """The versions of Python, of ftk, and of the packages that do these stages, as far as they are in this interpreter.

    An environment of its own is known by its lock.
    """
    providers = {stage: config.provider(stage) for stage in stages}
    plugins = {plugin.name: plugin for plugin in find_plugins()}
    chosen = [plugins[name] for name in providers.values() if name in plugins]
    return {
        "Python": platform.python_version(),
        "ftk": __version__,
        **{plugin.package: plugin.version for plugin in chosen},
        **dict(_modules(providers, manager)),
    }


def _modules(providers: dict[str, str], manager: Manager) -> Iterator[tuple[str, str]]:
    for stage, provider in providers.items():
        name = None if provider == NO_PROVIDER else manager.declaration(stage, provider).environment
        environment = manager.environment(name) if name else None
        for module in environment.modules if environment and not environment.locks else ():
            try:
                yield module, version(module)
            except PackageNotFoundError:
                continue
