"""Bad data from the command line on: one clear line a problem, exit code 2, and no run is left behind."""

from pathlib import Path
from typing import Any

import pytest

import ftk_formats.plugin
from ftk.cli import main
from ftk.hooks import loading
from ftk.plugin import stage

GOOD = '{"question": "q", "answer": "a"}\n'
FIELDS = "{field_instruction: question, field_output: answer}"


class Engine:
    """A plugin that provides the other stages and does nothing."""

    @stage(revision=1, default=True)
    def train(self, run: Any, data: Any, model: Any) -> None: ...

    @stage(revision=1, default=True)
    def prepare_model(self, run: Any) -> None: ...

    @stage(revision=1, default=True)
    def merge(self, run: Any, model: Any, trained: Any) -> None: ...

    @stage(revision=1, default=True)
    def generate(self, run: Any, model: Any, prompts: Any, output: Any) -> None: ...

    @stage(revision=1, default=True)
    def serve(self, run: Any, models: Any) -> None: ...


class Entry:
    """The entry point of a plugin that is there already."""

    def __init__(self, name: str, plugin: object) -> None:
        self.name = name
        self.load = lambda: plugin


@pytest.mark.parametrize("dry", [[], ["--dry-run"]])
@pytest.mark.parametrize(
    ("kind", "content", "problem"),
    [
        (FIELDS, GOOD * 40 + '{"question": "q"}\n', "rows.jsonl:41: the field `answer` is missing (it has `question`)"),
        (FIELDS, GOOD + "{'question': 'q'}\n", "rows.jsonl:2: is no JSON: "),
        (FIELDS, GOOD + "[1]\n", "rows.jsonl:2: is no JSON object"),
        (FIELDS, "", "rows.jsonl: has no rows"),
        (FIELDS, GOOD.replace("q", "é"), "rows.jsonl:1: is no UTF-8 text"),
        (FIELDS, GOOD.replace('"a"', '""'), "rows.jsonl:1: the field `answer` is empty"),
        ("user_defind", GOOD, "c.yml:4: there is no dataset format 'user_defind'; did you mean `user_defined`?"),
        ("{feild_output: answer}", GOOD, "c.yml:4: `datasets[0].type.feild_output` is read by nothing"),
        ("{format: '{instruction'}", GOOD, "c.yml:4: `datasets[0].type.format` is '{instruction', but must be text"),
    ],
)
def test_bad_data_are_one_line_and_leave_no_run(
    kind: str,
    content: str,
    problem: str,
    dry: list[str],
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    (tmp_path / "c.yml").write_text(f"base_model: org/name\ndatasets:\n- path: rows.jsonl\n  type: {kind}\n")
    (tmp_path / "rows.jsonl").write_bytes(content.encode("latin-1"))
    monkeypatch.chdir(tmp_path)
    for name in ("FTK_RUNS_DIR", "FTK_BACKEND", "FTK_ENGINE", "FTK_DISABLE_PLUGINS"):
        monkeypatch.delenv(name, raising=False)
    entries = [Entry("formats", ftk_formats.plugin), Entry("stub", Engine())]
    monkeypatch.setattr(loading, "entry_points", lambda group: entries)
    monkeypatch.setattr("sys.argv", ["ftk", "run", "c.yml", *dry])
    with pytest.raises(SystemExit) as end:
        main()
    output = capsys.readouterr()
    assert (end.value.code, output.out) == (2, "")
    assert output.err.replace(f"{tmp_path}/", "").startswith(f"error: {problem}")
    assert len(output.err.splitlines()) == 1
    assert sorted(item.name for item in tmp_path.iterdir()) == ["c.yml", "rows.jsonl"]
