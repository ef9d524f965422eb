"""An engine from outside, found by its entry point, does a whole run by the public interface alone."""

import json
import re
from pathlib import Path

from ftk import plugin


def test_it_is_listed_with_its_package(ftk) -> None:
    plugins = json.loads(ftk("plugins", "--json").stdout)
    expected = {"name": "toy", "package": "ftk-toy", "version": "1.0", "module": "ftk_toy.plugin", "state": "works"}
    (toy,) = [plugin for plugin in plugins if plugin["name"] == "toy"]
    assert expected.items() <= toy.items()
    assert {"train", "merge", "generate", "prepare_model"} <= set(toy["hooks"])


def test_it_does_a_whole_run_without_any_other_engine(ftk, toy_config: Path) -> None:
    done = ftk("run", toy_config, FTK_DISABLE_PLUGINS="transformers,models")
    assert done.returncode == 0, done.stderr
    train, held_out = json.loads((ftk.run_folder() / "summary.json").read_text())["scores"]
    assert (train["base"], held_out["tuned"]) == (0, 0)
    assert train["tuned"] > 0


def test_its_model_can_be_asked(ftk, toy_config: Path) -> None:
    ftk("run", toy_config, "--set", "max_steps=40")
    assert ftk("infer", "what is 3 and 3? ").stdout == "6\n"
    assert ftk("infer", "--base", "what is 3 and 3? ").stdout == "17 characters\n"


def test_it_imports_nothing_of_ftk_but_its_public_interface(root: Path) -> None:
    sources = [path.read_text() for path in root.glob("tests/toy_plugin/ftk_toy/*.py")]
    imported = {line for text in sources for line in re.findall(r"^(?:from|import) +(ftk[\w.]*)", text, re.MULTILINE)}
    assert {name for name in imported if name.partition(".")[0] != "ftk_toy"} == {plugin.__name__}
