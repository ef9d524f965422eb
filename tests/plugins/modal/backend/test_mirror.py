"""What a driver's container copies of a run, and what it only links to."""

import pytest

from ftk_modal.mirror import is_linked

MB = 1 << 20


@pytest.mark.parametrize(
    ("path", "size", "linked"),
    [
        ("lora-out/merged/model.safetensors", 300 * MB, True),
        ("lora-out/trained.json", 2000, False),
        ("data.jsonl", 200 * MB, True),
        # What is appended to must not be open where the volume is mounted.
        ("logs.txt", 500 * MB, False),
        ("events/driver.jsonl", 100 * MB, False),
        ("metrics.jsonl", 30 * MB, False),
    ],
)
def test_large_files_are_links_unless_they_grow(path: str, size: int, linked: bool) -> None:
    assert is_linked(path, size) is linked
