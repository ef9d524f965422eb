"""Wheels of installed distributions, packed anew from their files, without a source, a build tool or the network."""

import base64
import hashlib
import io
import re
import zipfile
from collections.abc import Iterator, Mapping, Sequence
from collections.abc import Set as AbstractSet
from dataclasses import dataclass
from functools import cache
from importlib.metadata import Distribution, EntryPoint, entry_points
from importlib.util import find_spec
from pathlib import Path

from ftk.plugin import UsageError

GROUP = "ftk"

LONG_AGO = (2000, 1, 1, 0, 0, 0)
"""The time of all files, so that the same content is the same wheel, and its image is not built again."""

PURE = "Wheel-Version: 1.0\nGenerator: ftk\nRoot-Is-Purelib: true\nTag: py3-none-any\n"


@dataclass(frozen=True)
class Wheel:
    """A wheel in memory.

    :param project: the distribution's name.
    :param file: its file name.
    :param content: its bytes.
    :param requirements: lines of its metadata, such as `torch>=2.11; extra == 'transformers'`.
    """

    project: str
    file: str
    content: bytes
    requirements: tuple[str, ...]

    def extras_with(self, modules: frozenset[str]) -> list[str]:
        """For each of these modules the smallest extra that brings it: `test` may bring all."""
        extras: dict[str, list[str]] = {}
        for line in self.requirements:
            if match := re.match(r"([\w.-]+).*\bextra == ['\"]([\w.-]+)['\"]", line):
                extras.setdefault(match[2], []).append(match[1])
        found = set()
        for module in modules:
            with_it = [name for name, all_of in extras.items() if any(_brings(item, {module}) for item in all_of)]
            found |= set(sorted(with_it, key=lambda name: len(extras[name]))[:1])
        return sorted(found)


def _brings(requirement: str, modules: AbstractSet[str]) -> bool:
    """Whether a requirement is for a module, going by its name: `mlflow-skinny` is for `mlflow`."""
    name = requirement.lower().replace("-", "_")
    return any(name == module or name.startswith(f"{module}_") for module in modules)


@cache
def plugin_wheels(disabled: frozenset[str]) -> list[Wheel]:
    """ftk's own wheel and one of every other distribution that brings plugins.

    :param disabled: plugins that will not be imported. Those that bring no others become known by their names alone.
    """
    found: dict[str, list[EntryPoint]] = {}
    for point in entry_points(group=GROUP):
        if point.dist:
            found.setdefault(point.dist.name, []).append(point)
    return [
        hollow(points) if disabled.issuperset(point.name for point in points) else pack(_distribution(points[0]))
        for _, points in sorted(found.items())
    ]


def can_bring(modules: AbstractSet[str]) -> bool:
    """Whether a requirement of a distribution with plugins, of an extra or of itself, brings any of these modules."""
    packages = {point.dist.name: point.dist for point in entry_points(group=GROUP) if point.dist}
    lines = [line for package in packages.values() for line in package.requires or ()]
    names = (re.match(r"[\w.-]+", line) for line in lines)
    return any(_brings(match[0], modules) for match in names if match)


def own_wheel() -> Wheel:
    """The wheel with the functions that Modal calls."""
    points = entry_points(group=GROUP)
    return next(pack(point.dist) for point in points if point.dist and point.value == "ftk_modal.plugin")


def pack(distribution: Distribution) -> Wheel:
    """The wheel of a distribution that is installed, by whatever means.

    :raises UsageError: where it has compiled parts, which may not fit another machine.
    """
    kind = distribution.read_text("WHEEL")
    if kind and "Root-Is-Purelib: true" not in kind:
        raise UsageError(
            f"the plugin package {distribution.name} has compiled parts, which may not fit Modal's machines",
            "publish it, and name it under `ftk.modal.image.pip`; or FTK_DISABLE_PLUGINS leaves its plugins out",
        )
    content = {name: path.read_bytes() for name, path in sorted(_modules(distribution))}
    about = distribution.read_text("METADATA") or ""
    points = distribution.read_text("entry_points.txt") or ""
    return _made(distribution, content, about, points, distribution.requires or ())


def hollow(points: Sequence[EntryPoint]) -> Wheel:
    """A wheel with nothing but entry points of a distribution: a plugin that is disabled is to be known by its name."""
    distribution = _distribution(points[0])
    about = f"Metadata-Version: 2.1\nName: {distribution.name}\nVersion: {distribution.version}\n"
    lines = "".join(f"{point.name} = {point.value}\n" for point in sorted(points))
    return _made(distribution, {}, about, f"[{GROUP}]\n{lines}", ())


def _distribution(point: EntryPoint) -> Distribution:
    assert point.dist is not None  # by whoever asks
    return point.dist


def _made(
    distribution: Distribution, modules: Mapping[str, bytes], about: str, points: str, requirements: Sequence[str]
) -> Wheel:
    stem = f"{re.sub(r'[-_.]+', '_', distribution.name)}-{distribution.version}"
    info = f"{stem}.dist-info"
    own = {"METADATA": about.encode(), "entry_points.txt": points.encode(), "WHEEL": PURE.encode()}
    content = {**modules, **{f"{info}/{name}": data for name, data in own.items()}}
    zipped = _zipped(content, f"{info}/RECORD")
    return Wheel(distribution.name, f"{stem}-py3-none-any.whl", zipped, tuple(requirements))


def _modules(distribution: Distribution) -> Iterator[tuple[str, Path]]:
    """The files of its modules, by their places in a wheel."""
    tops = {point.value.partition(":")[0].partition(".")[0] for point in distribution.entry_points}
    # What is installed editable lists none of its files: there, those of the entry points' packages are all.
    listed = [
        str(file).split("/")[0].removesuffix(".py") for file in distribution.files or () if str(file).endswith(".py")
    ]
    for top in sorted(tops | {name for name in listed if name.isidentifier() and not name.startswith("_")}):
        yield from _files_of(top)


def _files_of(top: str) -> Iterator[tuple[str, Path]]:
    spec = find_spec(top)
    if spec is None:
        return
    if not spec.submodule_search_locations:
        yield f"{top}.py", Path(str(spec.origin))
        return
    for folder in map(Path, spec.submodule_search_locations):
        for path in folder.rglob("*"):
            inner = path.relative_to(folder)
            if path.is_file() and "__pycache__" not in inner.parts and not any(part[0] == "." for part in inner.parts):
                yield f"{top}/{inner.as_posix()}", path


def _zipped(content: dict[str, bytes], record: str) -> bytes:
    lines = [f"{name},sha256={_hash(data)},{len(data)}\n" for name, data in content.items()]
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, data in {**content, record: "".join([*lines, f"{record},,\n"]).encode()}.items():
            archive.writestr(zipfile.ZipInfo(name, LONG_AGO), data, zipfile.ZIP_DEFLATED)
    return buffer.getvalue()


def _hash(data: bytes) -> str:
    return base64.urlsafe_b64encode(hashlib.sha256(data).digest()).decode().rstrip("=")
