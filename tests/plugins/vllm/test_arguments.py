"""The command of a server is what one would type by hand, and what contradicts it is refused."""

import json
import shutil
import struct
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import pytest

from ftk.artifacts import Artifact, Model
from ftk.errors import FtkError, UsageError
from ftk.plugin import Endpoint
from ftk.runs.run import Run
from ftk.server import Served
from ftk_vllm.plugin import serve

MERGED = Artifact("run", "lora-out/merged")
START = "{python} -m vllm.entrypoints.openai.api_server"
CPU = "--dtype float32 --kv-cache-memory-bytes 1G --enforce-eager --distributed-executor-backend uni"
GUARDED = ("--middleware", "ftk_guard.Guard")

LORA = {"peft_type": "LORA", "r": 8, "lora_alpha": 16, "target_modules": ["q_proj"], "init_lora_weights": True}

MATRICES = tuple(f"base_model.model.model.layers.0.self_attn.q_proj.lora_{part}.weight" for part in "AB")


def change(path: Path, **values: Any) -> None:
    """Change a JSON file."""
    path.write_text(json.dumps({**json.loads(path.read_text()), **values}))


def write_adapter(folder: Path, tensors: Sequence[str] = MATRICES, tokenizer: str = "{}", **config: Any) -> Path:
    """Write an adapter with these tensors, all of them empty, and a tokenizer beside it."""
    folder.mkdir(parents=True)
    (folder / "adapter_config.json").write_text(json.dumps({**LORA, **config}))
    header = json.dumps({name: {"dtype": "F32", "shape": [0], "data_offsets": [0, 0]} for name in tensors}).encode()
    (folder / "adapter_model.safetensors").write_bytes(struct.pack("<Q", len(header)) + header)
    (folder / "tokenizer.json").write_text(tokenizer)
    return folder


@pytest.fixture
def merged(base: Path) -> Callable[[Run], list[Served]]:
    """Puts a merged model into a run, with the run's tokenizer."""

    def put(run: Run) -> list[Served]:
        for folder in (base, run.path(run.tokenizer())):
            shutil.copytree(folder, run.path(MERGED), dirs_exist_ok=True)
        return [Served("sql", Model(MERGED))]

    return put


def _typed(run: Run, endpoint: Endpoint) -> str:
    """The command as a person reads it, with short names for what has long ones."""
    line = " ".join(map(str, endpoint.command.argv))
    return line.replace(str(run.tokenizer()), "TOKENIZER").replace("{host}", "HOST").replace("{port}", "PORT")


def test_a_merged_model_on_a_cpu(make_run: Callable[..., Run], merged: Callable[[Run], list[Served]]) -> None:
    run = make_run()
    endpoint = serve(run, merged(run))
    what = f"--model {MERGED} --served-model-name sql --host HOST --port PORT"
    assert _typed(run, endpoint) == f"{START} {what} {CPU}"
    assert endpoint.command.variables == {
        "HF_HUB_OFFLINE": "1",
        "VLLM_NO_USAGE_STATS": "1",
        "PYTHONSAFEPATH": "1",
        "PYTHONPATH": Artifact("run", "shipped"),
        "SPT_NOENV": "1",
        "VLLM_ENABLE_V1_MULTIPROCESSING": "0",
    }
    assert (endpoint.command.environment, endpoint.health_path, endpoint.key_variable) == (
        "vllm",
        "/health",
        "VLLM_API_KEY",
    )


@pytest.mark.parametrize(
    ("gpus", "options"),
    [(1, "--dtype bfloat16"), (4, "--dtype bfloat16 --tensor-parallel-size 4")],
)
def test_gpus_share_the_model_in_its_own_type(
    make_run: Callable[..., Run], merged: Callable[[Run], list[Served]], base: Path, gpus: int, options: str
) -> None:
    change(base / "config.json", torch_dtype="bfloat16")
    run = make_run(gpus=gpus)
    endpoint = serve(run, merged(run))
    what = f"--model {MERGED} --served-model-name sql --host HOST --port PORT"
    assert _typed(run, endpoint) == f"{START} {what} {options}"
    assert "VLLM_ENABLE_V1_MULTIPROCESSING" not in endpoint.command.variables


@pytest.mark.parametrize(("gpus", "used"), [(2, 2), (5, 4), (7, 6), (8, 6)])
def test_as_many_gpus_as_heads_divide_by(
    make_run: Callable[..., Run], merged: Callable[[Run], list[Served]], gpus: int, used: int
) -> None:
    run = make_run(gpus=gpus)
    assert f"--tensor-parallel-size {used}" in _typed(run, serve(run, merged(run)))
    told = (run.folder / "events" / "driver.jsonl").read_text() if used < gpus else ""
    assert used == gpus or f"vLLM takes {used} of {gpus} GPUs: 36 attention heads" in told


def test_the_untuned_base(make_run: Callable[..., Run], base: Path) -> None:
    run = make_run()
    folder = Artifact("cache", "models/x")
    run.path(folder).parent.mkdir(parents=True)
    run.path(folder).symlink_to(base)
    typed = _typed(run, serve(run, [Served("org/name", Model(folder))]))
    assert f"--model {folder} --tokenizer TOKENIZER --served-model-name org/name --host" in typed
    assert "lora" not in typed


def _adapters(run: Run, base: Path, **second: object) -> list[Served]:
    """The adapters of two runs and their base."""
    folder = Artifact("cache", "models/x")
    run.path(folder).parent.mkdir(parents=True, exist_ok=True)
    run.path(folder).symlink_to(base)
    write_adapter(run.folder / "lora-out", r=4, rank_pattern={"q_proj": 12})
    write_adapter(run.folder.parent / "two" / "outputs" / "lora-out", **second)
    adapters = {"one": Artifact("run", "lora-out"), "two": Artifact("runs", "two/outputs/lora-out")}
    return [*(Served(name, Model(folder, adapter)) for name, adapter in adapters.items()), Served("b", Model(folder))]


def test_adapters_of_two_runs_and_their_base(make_run: Callable[..., Run], base: Path) -> None:
    run = make_run()
    typed = _typed(run, serve(run, _adapters(run, base)))
    lora = "--enable-lora --max-loras 3 --max-lora-rank 16 --lora-modules one=lora-out two=../two/outputs/lora-out"
    what = "--model cache:models/x --tokenizer TOKENIZER --served-model-name b --host HOST --port PORT"
    assert typed == f"{START} {what} {CPU} {lora}"


def test_an_adapter_alone_on_a_gpu(make_run: Callable[..., Run], base: Path) -> None:
    run = make_run(gpus=1)
    typed = _typed(run, serve(run, _adapters(run, base)[:1]))
    assert "--served-model-name base " in typed
    assert typed.endswith("--enable-lora --max-loras 1 --max-lora-rank 16 --lora-modules one=lora-out")


@pytest.mark.parametrize(
    ("adapter", "message"),
    [
        ({"use_dora": True}, "it has use_dora"),
        ({"peft_type": "IA3"}, "it is IA3, not LoRA"),
        ({"r": 1024}, "its rank 1024 is above 512"),
        ({"init_lora_weights": "pissa"}, "init_lora_weights: pissa has changed the base model"),
        ({"tensors": ["base_model.model.lm_head.weight"]}, "it holds more than LoRA's matrices (lm_head.weight)"),
        ({"tensors": ["base_model.model.a.lora_magnitude_vector.weight"]}, "(a.lora_magnitude_vector.weight)"),
        ({"tensors": ["base_model.model.a.base_layer.bias"]}, "(a.base_layer.bias)"),
    ],
)
def test_what_vllm_cannot_serve_as_an_adapter_is_to_be_merged(
    make_run: Callable[..., Run], base: Path, adapter: dict[str, object], message: str
) -> None:
    run = make_run()
    with pytest.raises(FtkError) as caught:
        serve(run, _adapters(run, base, **adapter))
    assert caught.value.message.startswith("vLLM cannot serve the adapter of two beside its base model: ")
    assert message in caught.value.message
    assert "ftk merge" in str(caught.value.remedy)


def test_an_adapter_that_cannot_be_read(make_run: Callable[..., Run], base: Path) -> None:
    run = make_run()
    models = _adapters(run, base)
    (run.folder / "lora-out" / "adapter_model.safetensors").write_bytes(b"torn")
    with pytest.raises(FtkError, match=r"adapter_model\.safetensors cannot be read"):
        serve(run, models)


def test_adapters_with_different_tokenizers(make_run: Callable[..., Run], base: Path) -> None:
    run = make_run()
    with pytest.raises(UsageError, match=r"one and two were trained with different tokenizers \(tokenizer.json\)"):
        serve(run, _adapters(run, base, tokenizer='{"version": "2"}'))


def test_tokens_without_an_embedding(make_run: Callable[..., Run], merged: Callable[[Run], list[Served]]) -> None:
    run = make_run(["tokens: [<new>]"])
    with pytest.raises(FtkError, match="has 258 tokens and the base model 257 embeddings"):
        serve(run, merged(run))
    change(run.path(MERGED) / "config.json", vocab_size=258)
    serve(run, [Served("sql", Model(MERGED))])


def test_heads_that_vllm_does_not_know_on_a_cpu(
    make_run: Callable[..., Run], merged: Callable[[Run], list[Served]], base: Path
) -> None:
    change(base / "config.json", head_dim=8)
    run = make_run()
    with pytest.raises(FtkError, match="this model's have 8"):
        serve(run, merged(run))


def test_settings_become_options(make_run: Callable[..., Run], merged: Callable[[Run], list[Served]]) -> None:
    settings = "dtype: bfloat16, max_model_len: 512, gpu_memory: 0.5, max_concurrency: 4, max_request_bytes: 9000"
    run = make_run([f"ftk: {{serve: {{{settings}, arguments: [--seed=7, --max-log-len, '9']}}}}"])
    endpoint = serve(run, merged(run))
    options = "--dtype bfloat16 --max-model-len 512 --gpu-memory-utilization 0.5 --max-num-seqs 4 --enforce-eager"
    assert options in _typed(run, endpoint)
    assert _typed(run, endpoint).endswith("--middleware ftk_guard.Guard --seed=7 --max-log-len 9")
    assert endpoint.command.variables["FTK_MAX_REQUEST_BYTES"] == "9000"


def test_a_guard_stands_before_it_where_there_is_a_key(
    make_run: Callable[..., Run], merged: Callable[[Run], list[Served]]
) -> None:
    run = make_run(["ftk: {serve: {arguments: [--seed=7]}}"])
    endpoint = serve(run, merged(run))
    assert "--middleware" not in endpoint.command.argv
    assert endpoint.guarded().command.argv == (*endpoint.command.argv, *GUARDED)


def test_one_guard_is_enough_for_a_key_and_a_largest_size(
    make_run: Callable[..., Run], merged: Callable[[Run], list[Served]]
) -> None:
    run = make_run(["ftk: {serve: {max_request_bytes: 9000}}"])
    assert serve(run, merged(run)).guarded().command.argv.count("--middleware") == 1


@pytest.mark.parametrize(
    ("argument", "remedy"),
    [
        ("--port=9000", "ftk.serve.port"),
        ("--api_key", "--api-key-env"),
        ("--max-model", "ftk.serve.max_model_len"),
        ("--chat-template", "chat_template in the run's config"),
        ("--lora-modules", "RUNs"),
    ],
)
def test_arguments_that_contradict_ftk_are_refused(
    make_run: Callable[..., Run], merged: Callable[[Run], list[Served]], argument: str, remedy: str
) -> None:
    run = make_run([f"ftk: {{serve: {{arguments: ['{argument}']}}}}"])
    with pytest.raises(UsageError, match=f"arguments has {argument}, which ftk gives itself") as caught:
        serve(run, merged(run))
    assert remedy in str(caught.value.remedy)


def test_code_of_a_model_is_run_if_the_config_says_so(
    make_run: Callable[..., Run], merged: Callable[[Run], list[Served]]
) -> None:
    run = make_run(["trust_remote_code: true", "learning_rate: 1e-4", "ftk: {engine: axolotl}"])
    assert "--trust-remote-code" in _typed(run, serve(run, merged(run)))
