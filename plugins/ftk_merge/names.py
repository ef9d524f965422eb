"""What the files of a base model call a tensor that the model calls otherwise."""

from collections.abc import Iterable, Mapping

RENAMED = (
    ("model.language_model.", "language_model.model."),  # Llava and its like, among them Gemma 3 and Mistral 3
    ("model.language_model.", "model."),  # Qwen2-VL and its like
    ("model.", "model.language_model."),  # the text part, trained alone, of a model that has others too (Qwen3.5)
    ("model.vision_tower.", "vision_tower.vision_model."),
)
"""Beginnings of names in today's models, and in files that were written for older ones."""

TEXT_PART = "language_model."
"""What the names of the text part in such files begin with."""


def stored_name(name: str, stored: Mapping[str, object]) -> str | None:
    """The name in the files of the tensor that the model calls `name`; None where there is none, or no single one.

    Some files leave the model's prefix out, or have a longer one.

    :param stored: the tensors in the files by name.
    """
    if name in stored:
        return name
    near = {other for other in stored if name.endswith(f".{other}") or other.endswith(f".{name}")}
    found = near | {other for other in _renamed(name) if other in stored}
    return found.pop() if len(found) == 1 else None


def _renamed(name: str) -> Iterable[str]:
    return (old + name.removeprefix(new) for new, old in RENAMED if name.startswith(new))
