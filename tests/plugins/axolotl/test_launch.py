"""The command that starts axolotl, and its environment."""

from collections.abc import Callable

import pytest

from ftk.command import PYTHON
from ftk.config.resolved import Config
from ftk_axolotl.launch import argv, find_launch_problems, variables


def test_one_process_is_a_plain_python() -> None:
    assert argv(None, 1, 1, ("axolotl.yml",)) == (PYTHON, "-m", "axolotl.cli.train", "axolotl.yml")


def test_one_process_is_not_spread_over_gpus() -> None:
    assert "--nproc-per-node=1" in argv(None, 1, 4, ())


def test_python_starts_one_process(config: Callable[..., Config]) -> None:
    one = config()
    block = {**one.ftk["axolotl"], "launcher": "python"}
    assert list(find_launch_problems(Config({"ftk": {**one.ftk, "axolotl": block}}))) == []
    two = Config({"ftk": {**one.ftk, "axolotl": {**block, "nproc": 2}}})
    assert [problem.message for problem in find_launch_problems(two)] == ["python starts one process, not 2"]


def test_several_processes_have_a_launcher() -> None:
    command = argv(None, 2, 2, ("axolotl.yml",))
    assert command[:3] == (PYTHON, "-m", "torch.distributed.run")
    assert "--nproc-per-node=2" in command
    assert command[-3:] == ("-m", "axolotl.cli.train", "axolotl.yml")


def test_accelerate_can_be_chosen() -> None:
    command = argv("accelerate", 2, 0, ())
    assert command[:3] == (PYTHON, "-m", "accelerate.commands.launch")
    assert {"--multi_gpu", "--num_processes=2", "--main_process_port=0"} < set(command)


def test_one_process_of_accelerate_gets_the_signals() -> None:
    assert argv("accelerate", 1, 1, ()) == argv(None, 1, 1, ())
    assert argv("accelerate", 1, 4, ()) == argv(None, 1, 4, ())


def test_all_launchers_leave_time_for_a_checkpoint(config: Callable[..., Config]) -> None:
    assert int(variables(config(), 2, True)["TORCH_ELASTIC_SHUTDOWN_TIMEOUT"]) >= 300


@pytest.mark.parametrize(
    ("nproc", "deepspeed", "on_cpu", "wanted"),
    [(1, None, True, "false"), (2, None, True, "true"), (2, "zero2", True, "false"), (2, None, False, "false")],
)
def test_deepspeed_is_never_replaced(
    nproc: int, deepspeed: str | None, on_cpu: bool, wanted: str, config: Callable[..., Config]
) -> None:
    assert variables(config(deepspeed=deepspeed), nproc, on_cpu)["ACCELERATE_USE_CPU"] == wanted


def test_telemetry_is_off_unless_it_is_wanted(config: Callable[..., Config]) -> None:
    quiet = config()
    assert variables(quiet, 1, True)["AXOLOTL_DO_NOT_TRACK"] == "1"
    told = Config({"ftk": {**quiet.ftk, "axolotl": {**quiet.ftk["axolotl"], "telemetry": True}}})
    assert "AXOLOTL_DO_NOT_TRACK" not in variables(told, 1, True)


def test_the_hub_is_asked_only_where_a_key_needs_it(config: Callable[..., Config]) -> None:
    assert variables(config(), 1, True)["HF_HUB_OFFLINE"] == "1"
    assert "HF_HUB_OFFLINE" not in variables(config(hub_model_id="me/mine"), 1, True)
