"""Images, made of the same descriptions of environments as the venvs of other machines.

In each one, Modal's own interpreter runs ftk's few functions for it; a command runs in that interpreter too, or in the
venv of its environment, which is made from the lock that its plugin has.
"""

import hashlib
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from ftk.plugin import Environment, Home, Step, UsageError, files, read_lock
from ftk_modal.wheels import Wheel, own_wheel, plugin_wheels

if TYPE_CHECKING:
    import modal

PYTHON = "3.11"
"""Of Modal's interpreter and ftk's."""

CUDA = "nvidia/cuda:13.0.1-devel-ubuntu24.04"
"""The base for locks that have CUDA: some of their packages look for its compiler when they are used."""

OWN_NAME = "ftk"
"""Of the recipe with ftk and its plugins."""

VENV = "/opt/engine"

GIVEN = "/given"
"""Where wheels and lists of packages lie in an image."""

VERSIONS = (
    "import torch; print('TORCH=' + '.'.join(torch.__version__.split('.')[:2]),"
    " 'CUDA=' + (torch.version.cuda or '').split('.')[0])"
).replace("'", '"')
"""Prints the versions that a package may be compiled for."""

Made = tuple[str, tuple[Any, ...], Mapping[str, Any]]
"""A method of `modal.Image` with its arguments."""


@dataclass(frozen=True)
class Recipe:
    """What an image is made of.

    :param name: for whom: `OWN_NAME`, or an environment.
    :param steps: methods of `modal.Image`, called one on the result of the other, with their arguments.
    :param python: the interpreter of commands.
    """

    name: str
    steps: tuple[Made, ...]
    python: str

    @property
    def digest(self) -> str:
        """Changes with whatever is installed: the paths of wheels have their content's digest."""
        return files.sha256_of([self.name, [_without_home(step) for step in self.steps], self.python])[:12]

    def image(self) -> "modal.Image":
        """The image itself, which is made when it is first needed."""
        import modal

        image: Any = modal.Image
        for method, arguments, keywords in self.steps:
            image = getattr(image, method)(*arguments, **keywords)
        return image  # type: ignore[no-any-return]


def own_recipe(
    home: Home, modules: frozenset[str], overrides: Mapping[str, Any], disabled: frozenset[str] = frozenset()
) -> Recipe:
    """ftk with all its plugins, for driver and visits, and for commands in ftk's own interpreter.

    :param home: the cache is the place of the wheels.
    :param modules: what must be importable.
    :param overrides: the config's `ftk.modal.image`.
    :param disabled: plugins that will not be imported.
    """
    wheels = plugin_wheels(disabled)
    paths = [_kept(home, wheel.file, wheel.content) for wheel in wheels]
    wanted = [_requirement(wheel, path, modules) for wheel, path in zip(wheels, paths, strict=True)]
    install: Made = ("uv_pip_install", (*wanted, "modal", *overrides["pip"]), {})
    steps = (*_base(overrides, None), *map(_added, paths), install, *_last(overrides))
    return Recipe(OWN_NAME, steps, "python")


def lock_recipe(home: Home, environment: Environment, overrides: Mapping[str, Any]) -> Recipe:
    """An environment from its lock; beside it, ftk without what it needs, for the functions that Modal calls."""
    kind = environment.accelerator
    if kind not in environment.locks:
        raise UsageError(f"the environment {environment.name} has no lock for {kind}", environment.remedy)
    lock = read_lock(environment.locks[kind])
    lists = [_kept(home, f"step-{number}.txt", _lines(step)) for number, step in enumerate(lock.steps, 1)]
    made = [f"uv venv --python {lock.python} {VENV}", *map(_install, lock.steps, map(_place, lists))]
    wheel = own_wheel()
    path = _kept(home, wheel.file, wheel.content)
    steps = [
        *_base(overrides, CUDA if kind == "cuda" else None),
        ("uv_pip_install", ("uv",), {}),
        *map(_added, lists),
        ("run_commands", tuple(made), {}),
        _added(path),
        ("uv_pip_install", (_place(path),), {"extra_options": "--no-deps"}),
        *_last(overrides),
    ]
    return Recipe(environment.name, tuple(steps), f"{VENV}/bin/python")


def given_recipe(home: Home, environment: Environment, overrides: Mapping[str, Any]) -> Recipe:
    """An interpreter that the base image of the config has already."""
    wheel = own_wheel()
    path = _kept(home, wheel.file, wheel.content)
    ours = ("uv_pip_install", (_place(path),), {"extra_options": "--no-deps"})
    steps = (*_base(overrides, None), _added(path), ours, *_last(overrides))
    return Recipe(environment.name, steps, str(environment.python))


def _without_home(step: Made) -> Made:
    """A step without the paths of this machine: those in the image tell the content."""
    method, arguments, keywords = step
    return (method, arguments[1:] if method == "add_local_file" else arguments, keywords)


def _base(overrides: Mapping[str, Any], usual: str | None) -> Iterator[Made]:
    if base := overrides["base"] or usual:
        yield "from_registry", (base,), {"add_python": PYTHON}
        yield "entrypoint", ([],), {}
    else:
        yield "debian_slim", (), {"python_version": PYTHON}
    if overrides["apt"]:
        yield "apt_install", tuple(overrides["apt"]), {}


def _last(overrides: Mapping[str, Any]) -> Iterator[Made]:
    if overrides["commands"]:
        yield "run_commands", tuple(overrides["commands"]), {}


def _kept(home: Home, name: str, content: bytes) -> Path:
    """A file for images, under a path that has the digest of its content."""
    path = home.cache / "modal" / hashlib.sha256(content).hexdigest()[:16] / name
    if not path.exists():
        files.write_bytes(path, content)
    return path


def _place(path: Path) -> str:
    """Where a kept file lies in an image."""
    return f"{GIVEN}/{path.parent.name}/{path.name}"


def _added(path: Path) -> Made:
    return "add_local_file", (str(path), _place(path)), {"copy": True}


def _requirement(wheel: Wheel, path: Path, modules: frozenset[str]) -> str:
    extras = ",".join(wheel.extras_with(modules))
    return f"{wheel.project}{f'[{extras}]' if extras else ''} @ file://{_place(path)}"


def _lines(step: Step) -> bytes:
    return "".join(f"{line}\n" for line in step.requirements).encode()


def _install(step: Step, requirements: str) -> str:
    """The command of a step. An optional one is filled in as `ftk.environments.fitting` does, and may fail."""
    command = f"uv pip {step.action} --python {VENV}/bin/python {' '.join(step.options)}".rstrip()
    if not step.optional:
        return f"{command} -r {requirements}"
    filled = f'sed "s/{{torch}}/$TORCH/; s/{{cuda}}/$CUDA/" {requirements} > /tmp/fitting.txt'
    return f"eval $({VENV}/bin/python -c '{VERSIONS}') && {filled} && {command} -r /tmp/fitting.txt || echo passed over"
