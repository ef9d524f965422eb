"""What `ftk doctor` finds, each with its remedy."""

from dataclasses import dataclass
from typing import Literal

Verdict = Literal["ok", "note", "broken"]
"""`note`: something does not work that may not be needed; `broken`: runs cannot work well so."""


@dataclass(frozen=True)
class Diagnosis:
    """One finding.

    :param subject: what was looked at, such as `GPU driver`.
    :param verdict: how it is.
    :param detail: what was seen, in one line; never a secret.
    :param remedy: what to do, where it is not `ok`.
    """

    subject: str
    verdict: Verdict
    detail: str
    remedy: str | None = None
