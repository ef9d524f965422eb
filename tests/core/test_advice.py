"""Known failures and their remedies."""

import pytest

from ftk.advice import GENERAL, KILLED, SMALLER, STOPPED, Advice, find_advice

SHARED, DISK, READ_ONLY, MEMORY = GENERAL


@pytest.mark.parametrize(
    ("output", "advice"),
    [
        ("OSError: [Errno 28] No space left on device: 'x'", DISK),
        ("OSError: [Errno 122] Disk quota exceeded: 'x'", DISK),
        (
            "RuntimeError: [enforce fail at inline_container.cc:672] . PytorchStreamWriter failed writing file data/1",
            DISK,
        ),
        ("RuntimeError: [enforce fail at inline_container.cc:672] . unexpected pos 64384 vs 64272", DISK),
        ("OSError: [Errno 28] No space left on device: '/dev/shm/x'", SHARED),
        ("RuntimeError: DataLoader worker (pid 5) is killed by signal: Bus error.", SHARED),
        ("OSError: [Errno 30] Read-only file system: 'x'", READ_ONLY),
        ("RuntimeError: [enforce fail] DefaultCPUAllocator: can't allocate memory: you tried", MEMORY),
        ("Traceback\nMemoryError", MEMORY),
        ("ImportError: libtorch_cpu.so: failed to map segment from shared object", MEMORY),
        ("ImportError: x.so: failed to map segment from shared object: Operation not permitted", None),
        ("ValueError: 28 is no number", None),
        ("", None),
    ],
)
def test_a_known_failure_is_found_in_the_output(output: str, advice: Advice | None) -> None:
    assert find_advice(output, 1, []) == advice


def test_what_plugins_know_comes_first() -> None:
    own = Advice("No space left on device: 'x'", "meaning", "remedy")
    assert find_advice("No space left on device: 'x'", 1, [own]) == own
    assert find_advice("No space left on device: 'y'", 1, [own]) == DISK


def test_a_meaning_may_quote_the_output() -> None:
    known = Advice(r"Value error, (.*)", r"it refuses: \1", "remedy")
    assert find_advice("line\nValue error, set a\nline", 1, [known]) == Advice(
        known.pattern, "it refuses: set a", "remedy"
    )


@pytest.mark.parametrize(("code", "advice"), [(-9, KILLED), (137, KILLED), (143, STOPPED), (-15, STOPPED), (1, None)])
def test_a_kill_is_known_by_its_code(code: int, advice: Advice | None) -> None:
    assert find_advice("quiet", code, []) is advice


def test_a_known_word_says_more_than_a_kill() -> None:
    assert find_advice("MemoryError", -9, []) == MEMORY


def test_what_keeps_the_checkpoints_is_advised_before_what_removes_them() -> None:
    first, _, other = SMALLER.partition(";")
    assert first == "`ftk run --resume RUN` goes on from the last checkpoint"
    assert "--from train" in other and "begins anew" in other


def test_every_remedy_says_what_to_do() -> None:
    assert all(item.meaning and item.remedy for item in (*GENERAL, KILLED, STOPPED))
