"""Whether the hub can be reached from this machine, and with which token."""

import os
import threading
from collections.abc import Iterator
from http.client import HTTPException
from pathlib import Path
from urllib.error import HTTPError
from urllib.request import Request, urlopen

from ftk.plugin import Diagnosis

HUB = "https://huggingface.co"

PATIENCE = 3.0
"""Seconds that the hub is given."""


def diagnose() -> Iterator[Diagnosis]:
    """What is to be said of hub and token."""
    endpoint = os.environ.get("HF_ENDPOINT") or HUB
    if os.environ.get("HF_HUB_OFFLINE", "").upper() in ("1", "ON", "YES", "TRUE"):
        yield Diagnosis("model hub", "note", "HF_HUB_OFFLINE is set: only models in its cache are found", "unset it")
    elif problem := _problem(endpoint):
        remedy = "check network and proxy, or use models on this machine, or set HF_ENDPOINT to a mirror"
        yield Diagnosis("model hub", "note", f"{endpoint} cannot be reached: {problem}", remedy)
    else:
        yield Diagnosis("model hub", "ok", f"{endpoint} answers")
    if _has_token():
        yield Diagnosis("token of the hub", "ok", "there is one")
    else:
        remedy = "gated and private models need one: set HF_TOKEN, or `hf auth login`"
        yield Diagnosis("token of the hub", "note", "there is none", remedy)


def _problem(endpoint: str) -> str | None:
    """Why the hub does not answer in time; None where it does, whatever it says."""
    found = [f"no answer in {PATIENCE:g} s"]
    # In a thread, since nothing limits the time in which a name is resolved.
    asking = threading.Thread(target=_ask, args=(endpoint, found), daemon=True)
    asking.start()
    asking.join(PATIENCE + 0.5)
    return found[-1] or None


def _ask(endpoint: str, found: list[str]) -> None:
    try:
        urlopen(Request(endpoint, method="HEAD"), timeout=PATIENCE).close()
        found.append("")
    except HTTPError:
        found.append("")
    except (OSError, HTTPException, ValueError) as error:
        found.append(str(getattr(error, "reason", error)))


def _has_token() -> bool:
    if os.environ.get("HF_TOKEN") or os.environ.get("HUGGING_FACE_HUB_TOKEN"):
        return True
    home = Path(os.environ.get("HF_HOME") or Path.home() / ".cache" / "huggingface")
    return Path(os.environ.get("HF_TOKEN_PATH") or home / "token").is_file()
