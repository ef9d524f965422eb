"""Settings become arguments of Functions; what Modal would refuse is told before anything is sent."""

import json
import re
from pathlib import Path
from typing import Any

import pytest

from ftk.plugin import Config, Environment, FtkError, Home, Notice
from ftk.testing.backends import Subject
from ftk.testing.calls import SCRIPTS, Ftk
from ftk_modal.advice import ADVICE
from ftk_modal.apps import Site
from ftk_modal.checks import check
from ftk_modal.diagnosis import diagnosed
from ftk_modal.images import Recipe
from ftk_modal.options import BLOCK, Names, Options, mebibytes, seconds
from ftk_modal.sites import Sites


@pytest.fixture
def lonely(tmp_path: Path) -> Ftk:
    """Calls `ftk` with the backend `modal` where there is no Modal: whatever would be sent fails."""
    variables = {
        "PATH": f"{SCRIPTS}:/usr/bin:/bin",
        "FTK_BACKEND": "modal",
        "MODAL_SERVER_URL": "http://127.0.0.1:9",
        "FTK_RUNS_DIR": str(tmp_path / "runs"),
        "FTK_CACHE_DIR": str(tmp_path / "cache"),
    }
    calls = Ftk(tmp_path, tmp_path / "runs", tmp_path / "cache", variables)
    Subject("modal", calls)
    return calls


def _defaults() -> dict[str, Any]:
    values = {name: item.get("default") for name, item in BLOCK["properties"].items()}
    return {**values, "image": {"base": None, "apt": [], "pip": [], "commands": []}}


def _told(resources: dict[str, Any], block: dict[str, Any]) -> list[str]:
    found = check(_config(resources, block))
    return [str(problem) for problem in found if not isinstance(problem, Notice)]


def _config(resources: dict[str, Any], block: dict[str, Any]) -> Config:
    settings = {"resources": resources, "modal": {**_defaults(), **block}, "engine": "abacus", "disable_plugins": []}
    values = {"ftk": settings}
    return Config(values, lambda path: ".".join(map(str, path)))


@pytest.mark.parametrize(
    ("gpu", "told"),
    [
        ("nonsense:3", "Modal has no GPU 'NONSENSE'; it has T4, L4,"),
        ("a100-80g", "Modal has no GPU 'A100-80G'; did you mean A100-80GB?"),
        ("h100:9", "Modal has 1 to 8 of H100 in a container, not '9'; such as H100:8"),
        ("a10:8", "Modal has 1 to 4 of A10 in a container, not '8'; such as A10:4"),
        ("h100:x", "Modal has 1 to 8 of H100 in a container, not 'X'"),
        (["h100", "b300"], "Modal has no GPU 'B300'; did you mean B200?"),
        (["h100:2", "a100:4"], "the GPUs differ in their number"),
    ],
)
def test_a_gpu_that_modal_does_not_have_is_told(gpu: Any, told: str) -> None:
    [problem] = _told({"gpu": gpu}, {})
    assert problem.startswith(f"ftk.resources.gpu: {told}")


def test_a_training_without_a_gpu_is_told_and_may_be_meant(lonely: Ftk) -> None:
    [told] = check(_config({"gpu": None}, {}))
    assert isinstance(told, Notice)
    for command in (("validate",), ("run", "--dry-run")):
        done = lonely(*command, "config.yml", "--plugin", "abacus.py")
        assert done.returncode == 0, done.stderr
        assert re.search(r"warning: .*config.yml:\d+: no GPU is hired, so that abacus trains on a CPU; ", done.stderr)
        assert "`--gpu a100-80gb:2`" in done.stderr
        assert "no GPU is hired" not in lonely(*command, "config.yml", "--plugin", "abacus.py", "--gpu", "l4").stderr


@pytest.mark.parametrize("gpu", [None, "t4", "H100!:8", "b200+", "A100-80GB:2", ["h200:4", "rtx-pro-6000:4"]])
def test_a_gpu_that_modal_has_is_taken(gpu: Any) -> None:
    assert _told({"gpu": gpu}, {}) == []


@pytest.mark.parametrize(
    ("resources", "block", "told"),
    [
        ({"memory": "400GiB"}, {}, "ftk.resources.memory: Modal's containers have at most 344064 MiB, not 409600"),
        ({"cpu": 100}, {}, "ftk.resources.cpu: Modal's containers have at most 64 cores, not 100"),
        ({}, {"timeout": "25h"}, "ftk.modal.timeout: Modal stops a container after 24 hours"),
        ({}, {"retries": 11}, "ftk.modal.retries: Modal retries at most 10 times; write 10"),
        ({}, {"ephemeral_disk": 1000}, "ftk.modal.ephemeral_disk: Modal gives 524288 to 3145728 MiB of disk, not 1000"),
        ({}, {"volumes": {"/root": "v"}}, "ftk.modal.volumes./root: a volume cannot appear at /root"),
        ({}, {"volumes": {"/tmp/x/": "v"}}, "ftk.modal.volumes./tmp/x/: a volume cannot appear at /tmp/x/"),
        ({}, {"volumes": {"/a/../root": "v"}}, "ftk.modal.volumes./a/../root: a volume cannot appear at"),
        ({}, {"volumes": {"data": "v"}}, "ftk.modal.volumes.data: a volume cannot appear at data; write an absolute"),
        *(
            ({}, {"volumes": {path: "v"}}, f"ftk.modal.volumes.{path}: a volume cannot appear at {path}; /, /root, ")
            for path in ("/", "/opt", "/given/x", "/ftk", "/runs", "/cache", "/usr/lib", "/etc")
        ),
        (
            {},
            {"environment": "dev"},
            "ftk.modal.environment: the environment is to be 'dev', and MODAL_ENVIRONMENT and the profile name none",
        ),
    ],
)
def test_a_value_that_modal_would_refuse_is_told(resources: Any, block: Any, told: str) -> None:
    [problem] = _told(resources, block)
    assert problem.startswith(told)


def test_an_environment_may_be_named_by_the_variable_or_the_profile(lonely: Ftk) -> None:
    profiles = lonely.folder / "modal.toml"
    profiles.write_text('[mine]\nactive = true\nenvironment = "dev"\n')
    named = ("validate", "config.yml", "--plugin", "abacus.py", "--set", "ftk.modal.environment=dev")
    for variables in ({"MODAL_CONFIG_PATH": str(profiles)}, {"MODAL_ENVIRONMENT": "dev"}):
        done = lonely(*named, **variables)
        assert done.returncode == 0, done.stderr
    other = lonely(*named, MODAL_CONFIG_PATH=str(profiles), MODAL_ENVIRONMENT="main")
    assert other.returncode == 2
    assert "the environment is to be 'dev', and MODAL_ENVIRONMENT and the profile name main" in other.stderr


def test_all_is_told_with_its_line_before_anything_is_sent(lonely: Ftk) -> None:
    config = lonely.folder / "config.yml"
    config.write_text(config.read_text() + "  resources: {gpu: nonsense}\n  modal:\n    retries: 11\n    gpus: 2\n")
    wrong = lonely("run", "config.yml", "--plugin", "abacus.py")
    assert wrong.returncode == 2
    assert "config.yml:14: `ftk.modal.gpus` is read by nothing" in wrong.stderr
    config.write_text(config.read_text().replace("    gpus: 2\n", ""))
    refused = lonely("run", "config.yml", "--plugin", "abacus.py")
    assert refused.returncode == 2
    assert "config.yml:11: Modal has no GPU 'NONSENSE'" in refused.stderr
    assert "config.yml:13: Modal retries at most 10 times; write 10" in refused.stderr


def test_a_gpu_comes_from_the_flag_or_from_the_seeds_variable(lonely: Ftk) -> None:
    def planned(*arguments: str, **variables: str) -> Any:
        done = lonely("run", "config.yml", "--plugin", "abacus.py", "--dry-run", "--json", *arguments, **variables)
        assert done.returncode == 0, done.stderr
        return json.loads(done.stdout)["config"]["ftk"]["resources"]["gpu"]

    assert planned("--gpu", "a100-80gb:2") == "a100-80gb:2"
    assert planned(GPU_CONFIG="a100-80gb:4") == "a100-80gb:4"
    assert planned("--gpu", "[h100:2, a100:2]", GPU_CONFIG="t4") == ["h100:2", "a100:2"]


def test_this_machine_hires_nothing(lonely: Ftk) -> None:
    done = lonely("run", "config.yml", "--plugin", "abacus.py", "--backend", "local", GPU_CONFIG="h100:2")
    assert done.returncode == 2
    assert "the environment variable GPU_CONFIG: this machine has what it has, and hires no gpu" in done.stderr


def test_commands_get_what_was_asked_for(far: Ftk, standin: Any) -> None:
    block = {**_defaults(), "region": ["us-east", "eu"], "cloud": "aws", "timeout": "12h", "retries": 3}
    options = Options(block, {"gpu": ["h100:2", "a100-80gb:2"], "cpu": 8, "memory": "64GiB"})
    recipe = Recipe("ftk", (("debian_slim", (), {"python_version": "3.11"}),), "python")
    Site(recipe, options, Names("r", "c"), is_own=True).build().deploy()
    sent = [request.message for request in standin.requests("FunctionCreate")][-4:]
    made = {item.function.function_name or item.function_data.function_name: item for item in sent}
    assert sorted(made) == ["drive", "execute", "execute_on_gpu", "visit"]
    [h100, a100] = made["execute_on_gpu"].function_data.ranked_functions
    kinds = [item.function.resources.gpu_config for item in (h100, a100)]
    assert [(item.gpu_type, item.count) for item in kinds] == [("H100", 2), ("A100-80GB", 2)]
    trained = h100.function
    assert (trained.resources.milli_cpu, trained.resources.memory_mb) == (8000, 65536)
    assert trained.retry_policy.retries == 3
    assert trained.retry_policy.initial_delay_ms == 0
    assert (trained.timeout_secs, trained.single_use_containers) == (43200, True)
    assert list(trained.scheduler_placement.regions) == ["us-east", "eu"]
    assert trained.cloud_provider_str == "aws"
    assert {mount.mount_path for mount in trained.volume_mounts} == {"/runs", "/cache"}
    driver = made["drive"].function
    assert not driver.resources.gpu_config.count
    assert (driver.resources.milli_cpu, driver.timeout_secs, driver.retry_policy.retries) == (500, 86400, 10)
    assert not made["execute"].function.resources.gpu_config.count


def test_an_app_that_nobody_has_deployed_is_told(far: Ftk, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    names, engine = Names("r", "c"), Environment("engine", locks={"cpu": tmp_path / "lock.txt"})
    sites = Sites(Home(tmp_path, tmp_path), names)
    gone = Site(Recipe("ftk", (), "python"), Options(_defaults(), {}), names, is_own=True)
    for name, value in sites.told([gone]).items():
        monkeypatch.setenv(name, value)
    with pytest.raises(FtkError, match=f"Modal does not have the app {gone.name} any more"):
        sites.of(Environment("plain")).function("execute")
    with pytest.raises(FtkError, match="the environment engine was not brought to Modal, since no chosen stage"):
        sites.of(engine)


def test_units_are_understood() -> None:
    assert [mebibytes(text) for text in (2048, "64GiB", "1 GB", "1024MiB", "1.5GiB")] == [2048, 65536, 954, 1024, 1536]
    assert [seconds(text) for text in (60, "90", "24h", "1d", "1.5m")] == [60, 90, 86400, 86400, 90]


def test_without_its_client_the_backend_says_what_to_install(lonely: Ftk) -> None:
    # A finder that comes first and finds no `modal`.
    (lonely.folder / "sitecustomize.py").write_text(
        "import sys\nfrom importlib.machinery import PathFinder\n"
        "class Without(PathFinder):\n"
        "    @classmethod\n"
        "    def find_spec(cls, name, path=None, target=None):\n"
        "        return None if name == 'modal' else PathFinder.find_spec(name, path, target)\n"
        "sys.meta_path[:] = [item for item in sys.meta_path if item is not PathFinder] + [Without]\n"
    )
    done = lonely("run", "config.yml", "--plugin", "abacus.py", PYTHONPATH=str(lonely.folder))
    assert done.returncode == 2, done.stderr
    assert "Modal's client is not installed" in done.stderr
    assert '`pip install "finetune-kit[modal]"` brings it' in done.stderr
    assert lonely("runs", "--backend", "local", PYTHONPATH=str(lonely.folder)).returncode == 0


def test_the_doctor_tells_of_an_old_client(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("ftk_modal.diagnosis.version", lambda name: "0.55.4164")
    [found] = diagnosed()
    assert (found.verdict, found.detail) == ("broken", "version 0.55.4164 is too old")
    assert found.remedy == 'upgrade it: `pip install -U "modal>=1.6"`'


@pytest.mark.parametrize(
    ("output", "meaning"),
    [
        ("Missing config option when using `modal run` in the CLI", "Modal's client is too old"),
        ("AttributeError: module 'modal' has no attribute 'Stub'", "Modal's client is too old"),
        ("modal.exception.AuthError: Token missing. Could not authenticate client.", "without a token that it accepts"),
    ],
)
def test_known_failures_are_answered(output: str, meaning: str) -> None:
    found = next(item for item in ADVICE if re.search(item.pattern, output))
    assert meaning in found.meaning
