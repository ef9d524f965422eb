"""A call counts as ended only when Modal has said so."""

import time
from collections.abc import Iterator
from typing import Any

import modal
import pytest

from ftk.plugin import FtkError
from ftk.testing.calls import Ftk
from ftk_modal import inside
from ftk_modal.states import is_working


@pytest.fixture
def work(far: Ftk) -> Iterator[Any]:
    """A Function that goes on for a while, and then fails."""

    def work(seconds: float) -> None:
        time.sleep(seconds)
        raise RuntimeError("the end")

    app = modal.App("states", image=modal.Image.debian_slim(), include_source=False)
    app.function(name="work", serialized=True)(work)
    app.deploy()
    yield modal.Function.from_name("states", "work")


def test_trouble_with_the_service_is_no_end_of_a_call(work: Any, standin: Any) -> None:
    call = work.spawn(600)
    for status in ("RESOURCE_EXHAUSTED", "INTERNAL", "UNAVAILABLE", "UNAUTHENTICATED", "PERMISSION_DENIED"):
        standin.fail("FunctionGetOutputs", status, times=100)
        with pytest.raises(FtkError, match="Modal"):
            is_working(call.object_id)
    standin.fail("FunctionGetOutputs", "OK", times=0)
    assert is_working(call.object_id)
    call.cancel(terminate_containers=True)
    assert not is_working(call.object_id)


def test_a_lost_connection_is_no_end_of_a_call(monkeypatch: pytest.MonkeyPatch) -> None:
    def lost(call: str) -> None:
        raise ConnectionResetError("by peer")

    monkeypatch.setattr(modal.FunctionCall, "from_id", lost)
    with pytest.raises(FtkError, match="Modal cannot be reached: ConnectionResetError: by peer"):
        is_working("fc-1")


def test_a_call_that_has_failed_has_ended(work: Any) -> None:
    call = work.spawn(0)
    with pytest.raises(RuntimeError, match="the end"):
        call.get(timeout=60)
    assert not is_working(call.object_id)
    assert not is_working("fc-unknown")


def test_a_function_raises_nothing_that_looks_like_trouble_with_the_service() -> None:
    with pytest.raises(RuntimeError, match=r"FileNotFoundError: .*nowhere"):
        inside.execute({"run": "nowhere", "record": "record.json"})
