"""Functions, classes, calls and their ends, with the real client and the real container entrypoint."""

import modal
import pytest

pytestmark = pytest.mark.usefixtures("client")


def test_a_function_gives_its_result(deployed):
    assert modal.Function.from_name(deployed, "double").remote(21) == 42


def test_what_a_function_asks_for_is_recorded(deployed, standin):
    created = [one.message for one in standin.requests("FunctionCreate")]
    (ranked,) = [one.function_data.ranked_functions for one in created if one.function_data.function_name == "double"]
    resources = [one.function.resources for one in ranked]
    gpus = [(one.gpu_config.gpu_type, one.gpu_config.count) for one in resources]
    assert gpus == [("H100", 2), ("A100-80GB", 2)]
    assert {(one.milli_cpu, one.memory_mb) for one in resources} == {(2000, 512)}
    assert ranked[0].function.timeout_secs == 600
    assert ranked[0].function.scheduler_placement.regions == ["eu"]


def test_image_secrets_and_nothing_of_the_client_are_in_a_container(deployed):
    assert modal.Function.from_name(deployed, "look_around").remote() == {
        "FROM_NAMED": "a secret value",
        "FROM_DICT": "d",
        "FROM_IMAGE": "yes",
        "MODAL_TOKEN_SECRET": None,
        "FROM_CLIENT": None,
    }


def test_a_wheel_in_the_image_is_found_by_its_entry_point(deployed):
    assert modal.Function.from_name(deployed, "entry_points").remote("plain.bells") == ["ding"]


def test_inputs_of_a_map_come_back_in_their_order(deployed):
    assert list(modal.Function.from_name(deployed, "double").map(range(5))) == [0, 2, 4, 6, 8]


def test_a_class_has_parameters_and_uses_a_container_once(deployed):
    greet = modal.Cls.from_name(deployed, "Greeter")(name="ada").greet
    (one, first), (two, second) = greet.remote(), greet.remote()
    assert one == two == "hello ada"
    assert first != second


def test_an_error_comes_to_the_caller(deployed):
    with pytest.raises(RuntimeError, match="attempt 3"):
        modal.Function.from_name(deployed, "count_attempts").remote("hopeless", 9)


def test_options_of_a_call_replace_those_of_the_function(deployed, standin):
    secret = modal.Secret.from_dict({"FROM_NAMED": "another"})
    other = modal.Function.from_name(deployed, "look_around").with_options(secrets=[secret], gpu="H100:2", timeout=100)
    assert other.remote()["FROM_NAMED"] == "another"
    options = standin.requests("FunctionBindParams")[-1].message.function_options
    assert (options.resources.gpu_config.gpu_type, options.resources.gpu_config.count) == ("H100", 2)
    assert options.timeout_secs == 100
