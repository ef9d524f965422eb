"""The folders, the packaging and the table of commands agree."""

import configparser
import re
import subprocess
import sys
import tomllib
import zipfile
from importlib import import_module
from pathlib import Path
from typing import Any

import click
import pytest

from ftk.cli import COMMANDS

ENGINES = ("axolotl", "modal", "vllm", "transformers", "wandb", "mlflow")


@pytest.fixture
def project(root: Path) -> dict[str, Any]:
    """The content of pyproject.toml."""
    return tomllib.loads((root / "pyproject.toml").read_text())


def plugin_packages(root: Path) -> list[str]:
    """The names of the plugins' packages."""
    return sorted(path.parent.name for path in root.glob("plugins/*/__init__.py"))


def test_the_core_names_no_plugin_and_no_engine(root: Path) -> None:
    words = re.compile("|".join([*ENGINES, *(rf"\b{name}\b" for name in plugin_packages(root))]), re.IGNORECASE)
    found = [
        f"{path.relative_to(root)}:{number}: {line.strip()}"
        for path in sorted(root.glob("core/**/*.py"))
        for number, line in enumerate(path.read_text().splitlines(), 1)
        if words.search(line)
    ]
    assert found == []


def test_plugins_do_not_import_each_other(root: Path) -> None:
    names = plugin_packages(root)
    found = [
        f"{path.relative_to(root)}: {line}"
        for path in sorted(root.glob("plugins/**/*.py"))
        for line in re.findall(r"^\s*(?:from|import) \w+.*", path.read_text(), re.MULTILINE)
        for name in names
        if re.match(rf"\s*(from|import) {name}\b", line) and name != path.relative_to(root).parts[1]
    ]
    assert found == []


def test_every_plugin_imports_only_the_public_interface(root: Path) -> None:
    found = [
        f"{path.relative_to(root)}: {line}"
        for path in sorted(root.glob("plugins/**/*.py"))
        for line in re.findall(r"^\s*(?:from ftk\b\S* import .*|import ftk\b.*)", path.read_text(), re.MULTILINE)
        if not re.match(r"\s*from ftk\.(plugin|files|reporter) import", line)
    ]
    assert found == []


def test_json_lines_are_read_in_one_way(root: Path) -> None:
    sources = [path for folder in ("core", "plugins", "tests/toy_plugin") for path in root.glob(f"{folder}/**/*.py")]
    found = [path.name for path in sources if re.search(r"json\.loads.*splitlines\(", path.read_text())]
    assert found == [], "texts may hold what ends a line for `splitlines`; `files.read_json_lines` knows"


def test_every_plugin_has_its_folder_its_line_and_its_entry_point(root: Path, project: dict[str, Any]) -> None:
    names = plugin_packages(root)
    assert names
    assert sorted(path.name for path in (root / "plugins").iterdir() if not path.name.startswith((".", "_"))) == names
    packages = project["tool"]["hatch"]["build"]["targets"]["wheel"]["packages"]
    assert sorted(packages) == ["core/ftk", *(f"plugins/{name}" for name in names)]
    modules = project["project"]["entry-points"]["ftk"]
    assert sorted(value.partition(".")[0] for value in modules.values()) == names
    assert all(value.partition(".")[0] == f"ftk_{name}" for name, value in modules.items())


def test_every_plugin_is_known_to_the_import_rules(root: Path, project: dict[str, Any]) -> None:
    names = plugin_packages(root)
    linter = project["tool"]["importlinter"]
    assert sorted(linter["root_packages"]) == ["ftk", *names]
    assert [sorted(rule.get("forbidden_modules", rule.get("modules"))) for rule in linter["contracts"]] == [
        names,
        names,
    ]


def test_every_package_says_that_it_is_typed(root: Path) -> None:
    for folder in [root / "core/ftk", *(root / "plugins" / name for name in plugin_packages(root))]:
        assert (folder / "py.typed").is_file(), folder


def test_the_wheel_holds_every_file_and_entry_point(root: Path, project: dict[str, Any], tmp_path: Path) -> None:
    argv = [sys.executable, "-m", "build", "--wheel", "--no-isolation", "--outdir", str(tmp_path), str(root)]
    subprocess.run(argv, check=True, capture_output=True)
    [wheel] = tmp_path.glob("*.whl")
    with zipfile.ZipFile(wheel) as archive:
        held = {name for name in archive.namelist() if ".dist-info/" not in name}
        [entries] = [name for name in archive.namelist() if name.endswith("entry_points.txt")]
        points = configparser.ConfigParser()
        points.read_string(archive.read(entries).decode())
    folders = (root / "core", root / "plugins")
    sources = {
        path.relative_to(folder).as_posix()
        for folder in folders
        for path in folder.rglob("*")
        if path.is_file() and not re.search(r"__pycache__|/\.", path.as_posix())
    }
    assert held >= sources
    assert {name.partition("/")[0] for name in held} == {"ftk", *plugin_packages(root)}
    assert dict(points["ftk"]) == project["project"]["entry-points"]["ftk"]
    assert dict(points["console_scripts"]) == project["project"]["scripts"]


def test_the_table_of_commands_names_every_module_with_a_command(root: Path) -> None:
    modules = [path.stem for path in root.glob("core/ftk/cli/*.py") if "\ndef command(" in path.read_text()]
    assert sorted(modules) == sorted(COMMANDS)


@pytest.mark.parametrize("name", COMMANDS)
def test_a_command_is_what_the_table_says(name: str) -> None:
    command: click.Command = import_module(f"ftk.cli.{name}").command
    assert command.name == name
    assert command.get_short_help_str(limit=200) == COMMANDS[name]


@pytest.mark.parametrize("name", COMMANDS)
def test_a_command_has_an_example_and_help_for_every_option(name: str) -> None:
    command: click.Command = import_module(f"ftk.cli.{name}").command
    assert re.match(r"Example: (\w+=\S+ )*ftk .*", command.epilog or "")
    assert f"ftk {name}" in (command.epilog or "")
    for parameter in command.params:
        assert not isinstance(parameter, click.Option) or parameter.help, parameter.name
