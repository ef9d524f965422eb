"""What `ftk doctor` says of Modal."""

import os
import threading
from collections.abc import Iterator
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from queue import Empty, SimpleQueue

from ftk.plugin import Diagnosis, FtkError
from ftk_modal.options import Names
from ftk_modal.secrets import SERVICES, Service, existing
from ftk_modal.troubles import OLD, SETUP

OLDEST = (1, 6)

PATIENCE = 5.0
"""Seconds that Modal may take to answer."""


def diagnosed() -> Iterator[Diagnosis]:
    """What can be seen. Runs on this machine need none of it; nothing is asked of Modal where there is no token."""
    try:
        client = version("modal")
    except PackageNotFoundError:
        yield Diagnosis("Modal", "ok", "its client is not installed; runs on Modal need finetune-kit[modal]")
        return
    if tuple(int(part) for part in client.split(".")[:2]) < OLDEST:
        yield Diagnosis("Modal's client", "broken", f"version {client} is too old", OLD)
        return
    if not _has_token():
        yield Diagnosis("Modal's token", "note", "there is none; runs on Modal need one", SETUP)
        return
    try:
        secrets = _answer()
    except FtkError as error:
        yield Diagnosis("Modal", "note", error.message, error.remedy)
        return
    names = Names.find()
    yield Diagnosis("Modal", "ok", f"client {client}, volumes {names.runs} and {names.cache}")
    for service in SERVICES:
        yield _key(service, secrets)


def _key(service: Service, secrets: set[str]) -> Diagnosis:
    subject, variable, usual = f"{service.key} at Modal", service.variables[0], service.secrets[0]
    found = next((f"the secret {name}" for name in service.secrets if name in secrets), None)
    found = f"{variable} of this machine" if os.environ.get(variable) else found
    if found:
        return Diagnosis(subject, "ok", found)
    remedy = f"`modal secret create {usual} {variable}=...`, or `export {variable}=...`"
    return Diagnosis(subject, "note", f"none; {service.needed_by}", remedy)


def _has_token() -> bool:
    file = Path(os.environ.get("MODAL_CONFIG_PATH") or "~/.modal.toml").expanduser()
    return bool(os.environ.get("MODAL_TOKEN_ID")) or file.is_file()


def _answer() -> set[str]:
    """The known secrets that the workspace has, which Modal tells only for a token that it accepts.

    :raises FtkError: where it does not, or not in time.
    """
    answers: SimpleQueue[set[str] | Exception] = SimpleQueue()

    def ask() -> None:
        try:
            answers.put(existing({name for service in SERVICES for name in service.secrets}))
        except Exception as error:  # to be raised by whoever asked
            answers.put(error)

    # One that nobody waits for: the client itself tries for a minute.
    threading.Thread(target=ask, daemon=True).start()
    try:
        answer = answers.get(timeout=PATIENCE)
    except Empty:
        raise FtkError(f"Modal does not answer within {PATIENCE:g} seconds", "look at the network") from None
    if isinstance(answer, Exception):
        raise answer
    return answer
