"""The GPUs that Modal has, see https://modal.com/docs/guide/gpu: its client takes any name without a word."""

from collections.abc import Sequence
from difflib import get_close_matches

MOST: dict[str, int] = {
    "T4": 8,
    "L4": 8,
    "A10": 4,
    "A10G": 4,
    "L40S": 8,
    "A100": 8,
    "A100-40GB": 8,
    "A100-80GB": 8,
    "RTX-PRO-6000": 8,
    "H100": 8,
    "H100!": 8,
    "H200": 8,
    "B200": 8,
    "B200+": 8,
}
"""How many of a kind one container can have. `H100!` is never an H200 in its place, `B200+` may be a B300."""


def named(gpu: str | Sequence[str] | None) -> list[str]:
    """What a config says of GPUs as a list, in Modal's spelling: the first that is free is taken."""
    listed = [gpu] if isinstance(gpu, str) else list(gpu or ())
    return [item.strip().upper() for item in listed]


def count_of(gpu: str) -> int:
    """How many GPUs `H100:2` means; 1 where it is no number, which `problem_of` tells."""
    count = gpu.partition(":")[2]
    return int(count) if count.isdecimal() else 1


def problem_of(gpu: str) -> tuple[str, str | None] | None:
    """What is wrong with one item, and the remedy; None where nothing is."""
    kind, colon, count = gpu.partition(":")
    if kind not in MOST:
        near = get_close_matches(kind, MOST, n=1)
        return f"Modal has no GPU {kind!r}", f"did you mean {near[0]}?" if near else f"it has {', '.join(MOST)}"
    if colon and not (count.isdecimal() and 1 <= int(count) <= MOST[kind]):
        return f"Modal has 1 to {MOST[kind]} of {kind} in a container, not {count!r}", f"such as {kind}:{MOST[kind]}"
    return None
