"""Open a text file that may be compressed."""

import gzip
import io
from pathlib import Path
from typing import BinaryIO, cast


def open_bytes(path: Path) -> BinaryIO:
    """The file's content, unpacked while it is read."""
    if path.suffix == ".gz":
        return cast(BinaryIO, gzip.open(path))
    if path.suffix != ".zst":
        return path.open("rb")
    # Imported here since every command of ftk loads this plugin.
    import pyarrow as pa

    return cast(BinaryIO, io.BufferedReader(pa.CompressedInputStream(pa.OSFile(str(path)), "zstd")))
