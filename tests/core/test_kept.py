"""Answers that are written down while they are made."""

from pathlib import Path

from ftk.plugin import KeptAnswers


def answer(text: str) -> dict[str, str]:
    return {"text": text}


def test_answers_are_kept_across_a_kill(tmp_path: Path) -> None:
    path = tmp_path / "out.answers"
    first = KeptAnswers(path)
    assert (len(first), first.in_order()) == (0, [])
    first.add({2: answer("c\n\u2028"), 0: answer("ä")})
    with path.open("a") as stream:
        stream.write('[1, {"text": "torn')
    second = KeptAnswers(path)
    assert [number in second for number in range(3)] == [True, False, True]
    second.add({1: answer("b")})
    wanted = [answer("ä"), answer("b"), answer("c\n\u2028")]
    assert KeptAnswers(path).in_order() == second.in_order() == wanted
