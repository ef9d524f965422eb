"""The real vLLM serves runs of the embedded engine, and answers as `ftk infer` does."""

import json
import os
import shutil
import signal
import subprocess
import urllib.error
import urllib.request
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from pathlib import Path
from typing import Any

import httpx
import openai
import psutil
import pyarrow.parquet as pq
import pytest

from ftk.testing.calls import PATIENCE, Ftk
from ftk_vllm.adapters import RANKS
from ftk_vllm.cpu import HEAD_SIZES

pytestmark = pytest.mark.slow

KEY = "a-key-of-tests"

CONFIGS = Path(__file__).parents[2] / "configs"

SLOWLY = ("--set", "learning_rate=5e-4", "--set", "ftk.evaluate.rows=0")
"""Not so much that every answer is its end."""

NEW = 12
"""Tokens of an answer."""

FORM = "[INST] Using the schema context below, generate a SQL query that answers the question.\n{} [/INST]"
"""Of a prompt of the quickstart, around what its chat template takes as a message."""

LARGEST = 1_000_000
"""Bytes of a request."""

QUESTIONS = [f"what is {number} and {number}? " for number in range(16)]

Server = dict[str, Any]


@pytest.fixture(scope="module")
def ftk(tmp_path_factory, make_ftk, write_tiny_config, tiny_model: Path, vllm_variables: dict[str, str]) -> Ftk:
    """Two runs, `one` and `two`, of a tiny model whose attention heads have a size that vLLM knows."""
    ftk: Ftk = make_ftk(tmp_path_factory.mktemp("vllm"))
    ftk.variables |= vllm_variables
    model = ftk.folder / "model"
    shutil.copytree(tiny_model, model)
    shape = json.loads((model / "config.json").read_text())
    shape |= {"num_attention_heads": 2, "num_key_value_heads": 2, "head_dim": 32}
    (model / "config.json").write_text(json.dumps(shape))
    config = write_tiny_config(ftk.folder)
    config.write_text(config.read_text().replace(str(tiny_model), str(model)))
    for name, seed in (("one", 1), ("two", 2)):
        done = ftk("run", config, "--name", name, "--set", f"seed={seed}", *SLOWLY)
        assert done.returncode == 0, done.stderr
    return ftk


@pytest.fixture(scope="module")
def start(ftk: Ftk, vllm_options: tuple[str, ...]) -> Callable[..., Server]:
    """Starts vLLM through ftk, and returns when it is ready."""

    def call(*arguments: str, port: str = "0", **variables: str) -> Server:
        done = ftk("serve", *arguments, *vllm_options, "--port", port, "--detach", "--json", **variables)
        assert done.returncode == 0, done.stderr
        told: Server = json.loads(done.stdout)
        return told

    return call


@pytest.fixture(scope="module")
def merged(ftk: Ftk, start: Callable[..., Server]) -> Iterator[Server]:
    """The merged model of `one`, with a key and a largest request."""
    yield start("one", "--set", f"ftk.serve.max_request_bytes={LARGEST}", FTK_API_KEY=KEY)
    ftk("serve", "--stop", "--all")


@pytest.fixture(scope="module")
def adapters(ftk: Ftk, start: Callable[..., Server], merged: Server) -> Iterator[Server]:
    """The adapters of both runs, and their base, on the port of the server that was killed."""
    ftk("serve", "--stop", merged["id"])  # where it was not
    yield start("one", "two", port=_port(merged))
    ftk("serve", "--stop", "--all")


def _client(server: Server, key: str = "none") -> openai.OpenAI:
    return openai.OpenAI(base_url=f"{server['url']}/v1", api_key=key, max_retries=0)


def _answer(client: openai.OpenAI, model: str, prompt: str, tokens: int = NEW) -> str:
    text = client.completions.create(model=model, prompt=prompt, max_tokens=tokens, temperature=0).choices[0].text
    return _whole(text)


def _whole(text: str) -> str:
    """A text without the half of a character at its end, which vLLM keeps back."""
    return text.rstrip("\ufffd")


def _answers(server: Server, model: str, prompts: Sequence[str], key: str = "none", tokens: int = NEW) -> list[str]:
    """The answers to all prompts at once."""
    client = _client(server, key)
    with ThreadPoolExecutor(len(prompts)) as pool:
        return list(pool.map(lambda prompt: _answer(client, model, prompt, tokens), prompts))


def _inferred(ftk: Ftk, *arguments: str, prompts: Sequence[str] = QUESTIONS, tokens: int = NEW) -> list[str]:
    """What `ftk infer` answers."""
    source, target = ftk.folder / "prompts.jsonl", ftk.folder / "answers.jsonl"
    target.unlink(missing_ok=True)
    source.write_text("".join(json.dumps({"prompt": prompt}) + "\n" for prompt in prompts))
    done = ftk("infer", "--input", source, "--output", target, "--max-new-tokens", str(tokens), *arguments)
    assert done.returncode == 0, done.stderr
    return [_whole(json.loads(line)["text"]) for line in target.read_text().splitlines()]


def test_a_merged_model_answers_as_infer_does(ftk: Ftk, merged: Server) -> None:
    expected = _inferred(ftk, "--run", "one")
    assert len(set(expected)) > 1
    assert _answers(merged, "one", QUESTIONS, KEY) == expected


def test_chats_have_the_form_of_training(ftk: Ftk, merged: Server) -> None:
    (run,) = ftk.runs.glob("*-one")
    row = pq.read_table(run / "last_run_prepared" / "train.parquet").slice(0, 1).to_pylist()[0]
    trained = [number for number, label in enumerate(row["labels"]) if label != -100]
    ids = row["input_ids"][: trained[0]]
    question = "".join(map(chr, _post(merged, "/detokenize", {"model": "one", "tokens": ids})["prompt"].encode()))
    message = {"role": "user", "content": question.removesuffix(" ")}
    assert _post(merged, "/tokenize", {"model": "one", "messages": [message]})["tokens"] == ids

    client = _client(merged, KEY)
    whole = client.chat.completions.create(model="one", messages=[message], max_tokens=NEW, temperature=0)
    assert _whole(whole.choices[0].message.content or "") == _answer(client, "one", question)
    pieces = client.chat.completions.create(model="one", messages=[message], max_tokens=NEW, temperature=0, stream=True)
    assert "".join(piece.choices[0].delta.content or "" for piece in pieces) == whole.choices[0].message.content


def _post(server: Server, path: str, body: dict[str, Any], key: str = KEY) -> Any:
    headers = {"Authorization": f"Bearer {key}", "Content-Type": "application/json"}
    request = urllib.request.Request(server["url"] + path, json.dumps(body).encode(), headers)
    with urllib.request.urlopen(request, timeout=60) as answer:
        return json.load(answer)


def test_the_key_guards_all_of_it(ftk: Ftk, merged: Server) -> None:
    body = {"model": "one", "prompt": "what", "max_tokens": 1}
    for path in ("/v1/completions", "/invocations", "/tokenize"):
        assert _post(merged, path, body)
        with pytest.raises(urllib.error.HTTPError, match="401"):
            _post(merged, path, body, key="another")
    with pytest.raises(openai.AuthenticationError):
        _client(merged, "another").models.list()
    assert KEY not in (ftk.runs / merged["runs"][0] / "servers").joinpath(f"{_port(merged)}.txt").read_text()
    assert not any(KEY in part for process in _processes(merged) for part in process.cmdline())


def _port(server: Server) -> str:
    port: str = server["url"].rpartition(":")[2]
    return port


def _processes(server: Server) -> list[psutil.Process]:
    """vLLM's, found by their ancestor, which has the port among its arguments."""
    port = _port(server)
    for process in psutil.process_iter(["cmdline"]):
        if port in (process.info["cmdline"] or []) and "vllm.entrypoints.openai.api_server" in process.info["cmdline"]:
            return [process, *process.children(recursive=True)]
    return []


@pytest.mark.parametrize(
    ("body", "status"),
    [
        ({"model": "two", "prompt": "what"}, 404),
        ({"model": "one", "prompt": 5}, 400),
        ({"model": "one", "prompt": "what", "max_tokens": 100_000}, 400),
        ({"model": "one", "prompt": "what " * 100_000}, 400),
        ({"model": "one", "prompt": "x" * 3 * LARGEST}, 413),
    ],
)
def test_bad_requests_get_a_status_of_their_own(merged: Server, body: dict[str, Any], status: int) -> None:
    with pytest.raises(urllib.error.HTTPError) as caught:
        _post(merged, "/v1/completions", body)
    assert caught.value.code == status


def test_among_500_requests_no_good_one_is_lost(merged: Server) -> None:
    good = {"model": "one", "prompt": "what is 2 and 2? ", "max_tokens": 4, "temperature": 0}

    def status(number: int) -> int | str:
        kind = number // 10 % 5 if number % 10 == 0 else None
        if kind == 0:
            return _status(merged, b'{"model": ')
        if kind == 1:
            return _status(merged, json.dumps({**good, "prompt": "x" * 2 * LARGEST}).encode())
        if kind == 2:
            return _status(merged, json.dumps(good).encode(), key="another")
        if kind == 3:
            return _status(merged, json.dumps({**good, "max_tokens": "many"}).encode())
        if kind == 4:
            return _cancelled(merged, {**good, "max_tokens": 200, "ignore_eos": True, "stream": True})
        return _status(merged, json.dumps(good).encode())

    with ThreadPoolExecutor(32) as pool:
        found = Counter(pool.map(status, range(500)))
    assert found == {200: 450, 400: 20, 413: 10, 401: 10, "cancelled": 10}
    assert _answers(merged, "one", QUESTIONS[:1], KEY)


def _status(server: Server, body: bytes, key: str = KEY) -> int:
    headers = {"Authorization": f"Bearer {key}", "Content-Type": "application/json"}
    request = urllib.request.Request(f"{server['url']}/v1/completions", body, headers)
    try:
        with urllib.request.urlopen(request, timeout=60) as answer:
            return int(answer.status) if json.load(answer)["choices"][0]["text"] is not None else 0
    except urllib.error.HTTPError as error:
        return error.code


def _cancelled(server: Server, body: dict[str, Any]) -> str:
    """Hang up after the first piece of an answer."""
    headers = {"Authorization": f"Bearer {KEY}", "Content-Type": "application/json"}
    request = urllib.request.Request(f"{server['url']}/v1/completions", json.dumps(body).encode(), headers)
    with urllib.request.urlopen(request, timeout=60) as answer:
        return "cancelled" if answer.readline().startswith(b"data:") else "lost"


def test_killed_it_leaves_nothing(ftk: Ftk, merged: Server) -> None:
    processes = _processes(merged)
    assert len(processes) > 1
    os.kill(processes[0].pid, signal.SIGKILL)
    _, alive = psutil.wait_procs(processes, timeout=15)
    assert not alive
    assert json.loads(ftk("serve", "--list", "--json").stdout) == []


def test_adapters_of_two_runs_and_their_base_answer_side_by_side(ftk: Ftk, adapters: Server) -> None:
    names = [model.id for model in _client(adapters).models.list().data]
    assert set(names) == {"one", "two", "model"}
    expected = {
        "one": _inferred(ftk, "--run", "one"),
        "two": _inferred(ftk, "--run", "two"),
        "model": _inferred(ftk, "--run", "one", "--base"),
    }
    assert len({tuple(answers) for answers in expected.values()}) == 3
    with ThreadPoolExecutor(3) as pool:
        found = dict(zip(names, pool.map(lambda name: _answers(adapters, name, QUESTIONS), names), strict=True))
    assert found == expected
    # Alone, a request to the base goes another way through vLLM than beside those to adapters.
    assert _answers(adapters, "model", QUESTIONS[:1]) == expected["model"][:1]


def test_nothing_is_between_clients_and_vllm_where_nothing_is_asked_for(adapters: Server) -> None:
    (process,) = [process for process in _processes(adapters) if _listens(process, int(_port(adapters)))]
    assert process.cmdline()[1:3] == ["-m", "vllm.entrypoints.openai.api_server"]
    assert "--middleware" not in process.cmdline()


def _listens(process: psutil.Process, port: int) -> bool:
    return any(item.status == psutil.CONN_LISTEN and item.laddr.port == port for item in process.net_connections())


def test_a_start_that_fails_is_told_by_its_cause(ftk: Ftk, vllm_options: tuple[str, ...]) -> None:
    too_long = ("--set", "ftk.serve.max_model_len=1000000")
    done = ftk("serve", "one", *vllm_options, "--port", "0", "--detach", *too_long)
    assert done.returncode == 1
    assert "ftk.serve.max_model_len is more than the model knows" in done.stderr
    assert "leave it empty" in done.stderr


@pytest.fixture(scope="module")
def sql(ftk: Ftk) -> Ftk:
    """A run of the quickstart too, by the name `sql`, after a few steps."""
    few = ("--set", "max_steps=6", "--set", "eval_steps=100", "--set", "ftk.evaluate.rows=0")
    kept = os.environ.get("FTK_TEST_CACHE")
    ftk.variables |= {"FTK_CACHE_DIR": f"{kept}/ftk"} if kept else {}
    done = ftk("run", CONFIGS / "quickstart.yml", "--name", "sql", *few)
    assert done.returncode == 0, done.stderr
    return ftk


@pytest.mark.parametrize("server", ["vllm", "transformers"])
def test_smollm2_answers_as_infer_does_and_ctrl_c_ends_it_in_the_middle_of_an_answer(
    sql: Ftk, vllm_options: tuple[str, ...], server: str
) -> None:
    rows = [json.loads(line) for line in (CONFIGS / "data" / "sqlqa.subsample.jsonl").read_text().splitlines()[:16]]
    contents = [f"{row['context']}\n{row['question']}" for row in rows]
    expected = _inferred(sql, "--run", "sql", prompts=[FORM.format(content) for content in contents], tokens=24)

    options = vllm_options if server == "vllm" else ("--server", server)
    others = sql.servers()
    process = sql.start("serve", "sql", *options, "--port", "0")
    assert process.stdout is not None
    client = _client({"url": process.stdout.readline().split(" ")[0].strip()})
    with ThreadPoolExecutor(len(contents)) as pool:
        found = list(pool.map(lambda number: _sql_of(client, number, contents[number]), range(len(contents))))
    assert found == expected

    on = {"extra_body": {"ignore_eos": True}} if server == "vllm" else {}
    answer = client.completions.create(model="sql", prompt="Once", max_tokens=2000, temperature=0, stream=True, **on)
    next(answer)
    process.send_signal(signal.SIGINT)
    _, errors = process.communicate(timeout=PATIENCE)
    assert (process.returncode, "is stopped" in errors) == (130, True), errors
    assert sql.servers() == others
    with suppress(openai.APIError, httpx.HTTPError):
        assert len(list(answer)) < 1900


def _sql_of(client: openai.OpenAI, number: int, content: str) -> str:
    """An answer of the quickstart's model: by a completion or a chat, whole or as a stream, as the number says."""
    given: Any = {"model": "sql", "max_tokens": 24, "temperature": 0, "stream": number % 2 == 0}
    if number % 4 < 2:
        said: Any = client.completions.create(prompt=FORM.format(content), **given)
        return _whole("".join(part.choices[0].text for part in said) if given["stream"] else said.choices[0].text)
    said = client.chat.completions.create(messages=[{"role": "user", "content": content}], **given)
    if given["stream"]:
        return _whole("".join(part.choices[0].delta.content or "" for part in said))
    return _whole(said.choices[0].message.content)


def test_what_is_known_of_vllm_is_what_it_says(vllm_python: str) -> None:
    find = "import importlib.util; print(importlib.util.find_spec('vllm').submodule_search_locations[0])"
    found = subprocess.run([vllm_python, "-I", "-c", find], capture_output=True, text=True, check=True)
    package = Path(found.stdout.strip())
    attention = (package / "v1" / "attention" / "backends" / "cpu_attn.py").read_text()
    assert f"return [{', '.join(map(str, HEAD_SIZES))}]" in attention
    assert f"MaxLoRARanks = Literal[{', '.join(map(str, RANKS))}]" in (package / "config" / "lora.py").read_text()
