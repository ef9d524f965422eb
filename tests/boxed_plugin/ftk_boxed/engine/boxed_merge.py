"""The boxed merge: `python -m boxed_merge FOLDER`, in an interpreter that has tiny_box and no ftk but its reporter."""

import json
import os
import sys
from importlib.util import find_spec
from pathlib import Path

import tiny_box
import tiny_flash

from ftk.reporter import Reporter

folder = Path(sys.argv[1])
folder.mkdir(parents=True)
seen = {
    "tiny_box": tiny_box.VERSION,
    "tiny_flash": tiny_flash.FIT,
    "others": [name for name in ("tiny_lid", "click", "pluggy", "ftk.files", "ftk_toy") if find_spec(name)],
    "prefix": sys.prefix,
    "path": os.environ["PATH"],
    "variables": sorted(name for name in os.environ if name in ("PYTHONHOME", "VIRTUAL_ENV", "PYTHONNOUSERSITE")),
}
(folder / "seen.json").write_text(json.dumps(seen))
Reporter.from_environment().notice(f"boxed by tiny_box {tiny_box.VERSION}")
