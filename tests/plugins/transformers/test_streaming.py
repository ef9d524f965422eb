"""A completion is told piece by piece, and never more than what stays."""

from typing import Any

import pytest
import torch

from ftk_transformers.streaming import Pieces, settled

CHARACTERS = "héllo ▁ wörld STOP more"


def decode(tokens: list[int]) -> str:
    """Bytes as tokens: characters may take several."""
    return bytes(tokens).decode(errors="replace")


def pieces(text: str, stop: tuple[str, ...] = ()) -> list[str]:
    told: list[str] = []
    streamer: Any = Pieces(decode, stop, told.append)
    streamer.put(torch.tensor([[1, 2, 3]]))  # the prompt
    for byte in text.encode():
        streamer.put(torch.tensor([byte]))
    streamer.end()
    return told


def test_characters_come_whole() -> None:
    assert pieces(CHARACTERS) == list(CHARACTERS)


@pytest.mark.parametrize(
    ("stop", "told"),
    [(("STOP",), "héllo ▁ wörld "), (("STOP", "wör"), "héllo ▁ "), (("more!",), "héllo ▁ wörld STOP ")],
)
def test_a_stop_text_and_what_may_be_its_beginning_are_held_back(stop: tuple[str, ...], told: str) -> None:
    assert "".join(pieces(CHARACTERS, stop)) == told


def test_what_was_held_back_comes_when_it_is_no_stop_text() -> None:
    assert pieces("a<b", ("</",)) == ["a", "<b"]
    assert settled("x <", ("</s>",)) == "x "
