"""The process that keeps a server does not make it wait."""

import subprocess
import sys


def test_the_keeper_imports_the_standard_library_alone() -> None:
    code = "import sys, ftk_local.keeper; print(*{name.partition('.')[0] for name in sys.modules})"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    bare = subprocess.run([sys.executable, "-c", "import sys; print(*sys.modules)"], capture_output=True, text=True)
    before = {name.partition(".")[0] for name in bare.stdout.split()}
    assert set(done.stdout.split()) - before - {"ftk_local"} <= sys.stdlib_module_names
