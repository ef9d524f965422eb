"""Faults that are asked for, as the client sees them."""

import time

import modal
import pytest

HELLO = ("python", "-c", "import modal; modal.Client.from_env().hello(); print('hello')")


@pytest.mark.slow
def test_a_token_is_refused(standin, run):
    with standin.refusing_token():
        assert "AuthError" in run(*HELLO, fails=True)
    assert "AuthError" in run(*HELLO, fails=True, MODAL_TOKEN_SECRET="as-wrong")
    assert run(*HELLO) == "hello\n"


@pytest.mark.usefixtures("client")
class TestInThisProcess:
    def test_a_secret_is_missing(self):
        with pytest.raises(modal.exception.NotFoundError, match="nowhere"):
            modal.Secret.from_name("nowhere").hydrate()

    def test_a_key_of_a_secret_is_missing(self, standin):
        standin.put_secret("without", OTHER="x")
        with pytest.raises(modal.exception.Error, match="KEY"):
            modal.Secret.from_name("without", required_keys=["KEY"]).hydrate()
        standin.delete_secret("without")

    def test_there_is_no_other_environment(self):
        with pytest.raises(modal.exception.NotFoundError, match="Environment 'elsewhere'"):
            modal.Volume.from_name("any", create_if_missing=True, environment_name="elsewhere").hydrate()

    def test_calls_can_be_slow(self, standin):
        standin.delay("VolumeList", 0.2)
        started = time.monotonic()
        modal.Volume.objects.list()
        standin.delay("VolumeList", 0)
        assert time.monotonic() - started >= 0.2

    def test_the_client_gets_over_a_call_that_fails_once(self, standin):
        standin.fail("VolumeList", "UNAVAILABLE")
        assert modal.Volume.objects.list() is not None

    def test_a_container_gets_over_a_call_that_fails_and_clients_are_spared(self, standin, deployed):
        standin.fail("VolumeCommit", "UNAVAILABLE", times=2, source="write")
        standin.delay("FunctionGetInputs", 0.2, source="write")
        modal.Function.from_name(deployed, "write").remote("despite", 5)
        standin.delay("FunctionGetInputs", 0, source="write")
        assert standin.failures_left("VolumeCommit", source="write") == 0
        standin.fail("VolumeList", "UNAVAILABLE", times=100, source="write")
        assert modal.Volume.objects.list() is not None
        standin.fail("VolumeList", "OK", times=0, source="write")

    def test_a_container_that_is_taken_away_in_order_has_its_input_done_again(self, standin, deployed, until):
        call = modal.Function.from_name(deployed, "wait").spawn(600)
        until(lambda: [one for one in standin.containers("wait") if one["inputs"]])
        [first] = [one["id"] for one in standin.containers("wait") if one["inputs"]]
        standin.interrupt(first)
        until(lambda: {one["id"] for one in standin.containers("wait") if one["inputs"]} - {first})
        until(lambda: first not in {one["id"] for one in standin.containers("wait")})
        with pytest.raises(TimeoutError):
            call.get(timeout=0)
        call.cancel(terminate_containers=True)

    def test_a_wait_for_a_result_goes_on_after_the_network_was_lost(self, standin, deployed):
        call = modal.Function.from_name(deployed, "double").spawn(5)
        with standin.offline(), pytest.raises(modal.exception.Error):
            call.get(timeout=1)
        assert call.get(timeout=30) == 10


@pytest.mark.slow
def test_a_value_is_found_wherever_it_was_sent_but_in_the_making_of_its_secret(standin, run, tmp_path):
    value = "a-value-to-be-found"
    run("modal", "secret", "create", "hidden", f"KEY={value}")
    assert standin.holding(value) == []
    (tmp_path / "file").write_text(f"lines\nwith {value}\n")
    run("modal", "volume", "create", value)
    run("modal", "volume", "put", value, tmp_path / "file", "file")
    found = standin.holding(value)
    assert "VolumeGetOrCreate" in found
    assert str(standin.volume(value) / "file") in found
