"""A model is served from Modal: with a key, until it is stopped, and with nothing left then."""

import json
import urllib.error
import urllib.request
from pathlib import Path
from typing import Any

import pytest

from ftk.testing.calls import Ftk
from ftk.testing.tiny_model import write_tiny_model

pytestmark = pytest.mark.slow

KEY = "sk-of-this-test-5b1f"

CONFIG = """\
base_model: model
datasets:
  - path: data.jsonl
    type: {field_instruction: question, field_output: answer}
adapter: lora
lora_target_linear: true
max_steps: 2
ftk: {engine: transformers, evaluate: {rows: 0}}
"""


def _write(folder: Path) -> None:
    write_tiny_model(folder / "model")
    (folder / "data.jsonl").write_text('{"question": "1 and 1?", "answer": "2"}\n' * 4)
    (folder / "config.yml").write_text(CONFIG)


def _ask(url: str, key: str | None, model: str) -> Any:
    body = json.dumps({"model": model, "prompt": "1 and 1?", "max_tokens": 4}).encode()
    return json.loads(_read(f"{url}/v1/completions", key, body))


def _plain(url: str, key: str | None) -> str:
    return _read(f"{url}?input=1%20and%201%3F", key).decode()


def _read(url: str, key: str | None, body: bytes | None = None) -> bytes:
    headers = {"Content-Type": "application/json", **({"Authorization": f"Bearer {key}"} if key else {})}
    request = urllib.request.Request(url, body, headers)
    with urllib.request.build_opener(urllib.request.ProxyHandler({})).open(request, timeout=60) as response:
        return bytes(response.read())


def _functions(standin: Any, name: str) -> list[Any]:
    """What was asked for by the name of a Function."""
    sent = [request.message for request in standin.requests("FunctionCreate")]
    return [item for item in sent if item.function.function_name == name]


def test_a_model_is_deployed_asked_and_stopped(far: Ftk, standin: Any) -> None:
    _write(far.folder)
    done = far("run", "config.yml", "--name", "mine", "--no-merge")
    assert done.returncode == 0, done.stderr
    before = len(standin.calls())
    merged = far("merge", "mine", "--set", "ftk.resources.gpu=a10:2")
    assert merged.returncode == 0, merged.stderr
    # Merging needs no GPU, whatever is hired for the run.
    assert {(item["function"], item["gpus"]) for item in standin.calls()[before:]} == {("drive", 0), ("execute", 0)}
    assert (far.run_folder() / "lora-out/merged/model.safetensors").is_file()
    settings = (
        "ftk.resources.gpu=a10:2",
        "ftk.serve.max_concurrency=7",
        "ftk.modal.serve.scaledown_window=120",
        "ftk.modal.serve.min_containers=1",
        "ftk.modal.serve.max_containers=2",
    )
    more = [part for setting in settings for part in ("--set", setting)]
    deployed = far("deploy", "mine", "--json", *more, FTK_API_KEY=KEY)
    assert deployed.returncode == 0, deployed.stderr + far("logs").stdout
    server = json.loads(deployed.stdout)
    assert server["models"] == ["mine"]
    made = _functions(standin, "serve")[-1].function
    assert (made.resources.gpu_config.gpu_type, made.resources.gpu_config.count) == ("A10", 2)
    assert made.max_concurrent_inputs == 7
    scaling = made.autoscaler_settings
    assert (scaling.scaledown_window, scaling.min_containers, scaling.max_containers) == (120, 1, 2)
    assert len(_ask(server["url"], KEY, "mine")["choices"]) == 1
    assert _plain(server["url"], KEY)
    with pytest.raises(urllib.error.HTTPError, match="401"):
        _plain(server["url"], None)
    with pytest.raises(urllib.error.HTTPError, match="401"):
        _ask(server["url"], None, "mine")
    listed = json.loads(far("deploy", "--list", "--json").stdout)
    assert [(item["id"], item["state"]) for item in listed] == [(server["id"], "ready")]
    refused = far("rm", "mine", "--yes")
    assert refused.returncode == 2
    assert f"`ftk serve --stop {server['id']}` ends that" in refused.stderr
    assert standin.holding(KEY) == []
    assert far("deploy", "--stop", "mine").stdout == f"{server['id']} is stopped\n"
    far.wait_for(lambda: not standin.containers())
    assert far("deploy", "--list", "--json").stdout == "[]\n"


def test_this_machine_deploys_nothing(far: Ftk) -> None:
    refused = far("deploy", FTK_BACKEND="local")
    assert refused.returncode == 2
    assert "servers of the backend local end with this machine" in refused.stderr
