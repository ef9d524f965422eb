"""All of ftk's own writes go through `ftk.files` and `ftk.reporter`, where a test can crash each of them."""

import ast
from collections.abc import Iterator
from pathlib import Path

WRITERS = {"core/ftk/files.py", "core/ftk/reporter.py"}

FOR_TESTS = ("core/ftk/testing/", "core/ftk/pytest_plugin.py", "core/ftk/scaffold/templates/")
"""What is written there is a test's own, or a stranger's."""

ALLOWED = {
    "core/ftk/checkup.py": {
        "NamedTemporaryFile": "an empty file, to see whether locks work; it goes with the process",
    },
    "core/ftk/cli/unread.py": {
        "os.open": "of the place where nothing is kept",
    },
    "core/ftk/environments/installing.py": {
        "open('ab')": "the log of a build is only appended to",
    },
    "core/ftk/runs/create.py": {
        "TemporaryDirectory": "the draft of a run, which nobody looks for",
    },
    "core/ftk/loggers/senders.py": {
        "open('ab')": "what a logger's process prints is only appended to",
    },
    "core/ftk/data/inspection.py": {
        "TemporaryDirectory": "a run that nobody looks for",
    },
    "plugins/ftk_axolotl/engine/ftk_in_axolotl.py": {
        "open('w')": "of a part that then gets its name; axolotl's interpreter has no `ftk.files`",
        "json.dump": "into that part",
        "replace": "the part gets its name",
        "unlink": "of an old checkpoint, its mark first, so that it no longer counts",
        "rmdir": "of that checkpoint",
    },
    "plugins/ftk_axolotl/engine/ftk_scores_in_axolotl.py": {
        "write_text": "of all losses at once; where some are missing, the plugin says so",
    },
    "plugins/ftk_axolotl/engine/ftk_torch_extensions.py": {
        "mkdir": "of a folder that PyTorch compiles into",
        "os.open": "the lock file is always empty",
        "unlink": "of PyTorch's locks, which nobody holds",
    },
    "plugins/ftk_formats/writing.py": {
        "ParquetWriter": "inside a folder of the cache that appears as a whole",
        "write_table": "of that writer",
    },
    "plugins/ftk_local/attend.py": {
        "open('ab')": "the log is only appended to, by all processes of a run",
    },
    "plugins/ftk_local/backend.py": {
        "open('ab')": "the log is only appended to, by all processes of a run",
    },
    "plugins/ftk_local/lock.py": {
        "os.open": "the lock file is always empty",
    },
    "plugins/ftk_local/servers.py": {
        "open('ab')": "the log of a server is only appended to",
    },
    "plugins/ftk_local/supervise.py": {
        "open('ab')": "the log is only appended to, by all processes of a run",
    },
    "plugins/ftk_modal/calls.py": {
        "open('ab')": "the log is only appended to; how far it is stands in a file that is sent with it",
    },
    "plugins/ftk_modal/driving.py": {
        "open('ab')": "the log is only appended to",
    },
    "plugins/ftk_modal/inside.py": {
        "open('ab')": "the output of a command or server is only appended to",
        "open('a')": "one line more, when the server has ended",
        "mkdir": "the folder of that output",
        "write_text": "of a part that then gets its name; an engine's image has no `ftk.files`",
        "replace": "the part gets its name",
    },
    "plugins/ftk_models/tokenizer.py": {
        "save_pretrained": "inside a folder of the cache that appears as a whole",
    },
    "plugins/ftk_models/gguf.py": {
        "save_pretrained": "inside a folder of the cache that appears as a whole",
    },
    "plugins/ftk_merge/by_peft.py": {
        "save_pretrained": "inside a folder that appears as a whole",
    },
    "plugins/ftk_transformers/export.py": {
        "save_pretrained": "written anew by each attempt; the result file after it makes it count",
    },
}
"""Writes elsewhere, by file and call, each with why a kill in its middle does no harm."""

WRITING = {
    *("write_text", "write_bytes", "mkdir", "makedirs", "touch", "rename", "symlink_to", "hardlink_to", "truncate"),
    *("unlink", "rmdir", "rmtree", "copy", "copy2", "copyfile", "copytree", "move", "link", "symlink"),
    *("mkstemp", "mkdtemp", "NamedTemporaryFile", "TemporaryDirectory"),
    *("ParquetWriter", "write_table", "save_file", "save_model", "save_pretrained", "to_parquet", "savez"),
}
"""Names of functions and methods that write, whatever they are called on."""


def test_nothing_else_writes(root: Path) -> None:
    found = {}
    for path in sorted([*root.glob("core/**/*.py"), *root.glob("plugins/**/*.py")]):
        name = path.relative_to(root).as_posix()
        if name not in WRITERS and not name.startswith(FOR_TESTS):
            writes = set(_writes(ast.parse(path.read_text()))) - set(ALLOWED.get(name, {}))
            found |= {name: sorted(writes)} if writes else {}
    assert found == {}, "write through ftk.files, or say above why a kill there does no harm"


def _writes(tree: ast.AST) -> Iterator[str]:
    for node in ast.walk(tree):
        if isinstance(node, ast.Call) and (name := _write(node)):
            yield name


def _write(call: ast.Call) -> str | None:
    """How the call writes; None where it does not, or goes through `ftk.files`."""
    match call.func:
        case ast.Attribute(value=ast.Name(id="files")):
            return None
        case ast.Attribute(value=ast.Name(id="os" | "json" | "yaml" | "torch" as module), attr=attribute):
            return f"{module}.{attribute}" if _is_write_of(module, attribute, call) else None
        case ast.Name(id=name) | ast.Attribute(attr=name):
            return _write_by_name(name, call)
    return None


def _is_write_of(module: str, attribute: str, call: ast.Call) -> bool:
    if module in ("json", "yaml"):
        return attribute in ("dump", "safe_dump") and len(call.args) > 1
    if module == "torch":
        return attribute == "save"
    return attribute in WRITING | {"open", "write", "replace", "remove", "removedirs"}


def _write_by_name(name: str, call: ast.Call) -> str | None:
    if name in ("open", "fdopen"):
        mode = _mode(call)
        return f"open({mode!r})" if set(mode) & set("wax+") else None
    # Of text, `replace` takes two arguments; of a path, one.
    path_replace = name == "replace" and isinstance(call.func, ast.Attribute) and len(call.args) == 1
    return name if path_replace or (name in WRITING and not _imported_from_files(call)) else None


def _imported_from_files(call: ast.Call) -> bool:
    # `from ftk.files import write_text`: a plain name, which no writer of the standard library is called by here.
    return isinstance(call.func, ast.Name) and call.func.id in ("write_text", "write_bytes")


def _mode(call: ast.Call) -> str:
    """The mode of `open(path, mode)` or `path.open(mode)`."""
    position = 1 if isinstance(call.func, ast.Name) else 0
    given = [keyword.value for keyword in call.keywords if keyword.arg == "mode"] or call.args[position : position + 1]
    return given[0].value if given and isinstance(given[0], ast.Constant) and isinstance(given[0].value, str) else "r"


def test_every_exception_is_still_needed(root: Path) -> None:
    unneeded = {
        name: sorted(set(calls) - set(_writes(ast.parse((root / name).read_text()))))
        for name, calls in ALLOWED.items()
        if (root / name).exists()
    }
    assert {name: calls for name, calls in unneeded.items() if calls} == {}
