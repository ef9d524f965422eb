"""The embedded server, asked by the real openai client: answers, refusals, and nobody in anybody's way."""

import json
import os
import random
import shutil
import socket
import threading
import time
from argparse import Namespace
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from pathlib import Path
from typing import Any

import httpx
import openai
import pytest

from ftk.artifacts import Artifact, Model
from ftk.config.marked_yaml import read_yaml
from ftk.config.resolve import resolve
from ftk.errors import UsageError
from ftk.home import Home
from ftk.hooks.manager import Manager
from ftk.plugin import HOST, PORT
from ftk.runs.cache import Cache
from ftk.runs.run import Run
from ftk.server import Served
from ftk.testing.calls import Ftk
from ftk.testing.engines import make_ftk

KEY = "sesame-9182"

CONFIG = """\
base_model: {model}
datasets:
  - path: data.jsonl
    type:
      field_instruction: question
      field_output: answer
      format: "{{instruction}} "
      no_input_format: "{{instruction}} "
val_set_size: 0
adapter: lora
lora_r: 4
lora_target_linear: true
learning_rate: 3e-2
max_steps: 1
ftk: {{evaluate: {{rows: 0}}}}
"""

PROMPT = "what is 2 and 2? "

MOST_BYTES = 20_000


TEMPLATE = """\
{%- for message in messages -%}
{%- if message.role == 'clown' -%}{{ raise_exception('no clowns') }}{%- endif -%}
{{- message.content + ' ' -}}
{%- endfor -%}
"""


@pytest.fixture(scope="module")
def url(ftk_tiny_model: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """The address of the application with the tiny model by the name `one`, served by a thread of this process."""
    import uvicorn

    from ftk_transformers.server.answering import Source
    from ftk_transformers.server.guard import Guard
    from ftk_transformers.server.serving import application

    tokenizer = tmp_path_factory.mktemp("tokenizer") / "tokenizer"
    shutil.copytree(ftk_tiny_model, tokenizer)
    (tokenizer / "chat_template.jinja").write_text(TEMPLATE)
    options = Namespace(tokenizer=str(tokenizer), dtype=None, max_model_len=None)
    app = Guard(application(options, [Source("one", ftk_tiny_model, None)]), KEY, MOST_BYTES, 64)
    server = uvicorn.Server(uvicorn.Config(app, host="127.0.0.1", port=0, log_level="warning"))
    thread = threading.Thread(target=server.run)
    thread.start()
    while not server.started:
        time.sleep(0.01)
    yield f"http://127.0.0.1:{server.servers[0].sockets[0].getsockname()[1]}"
    server.should_exit = True
    thread.join()


@pytest.fixture(scope="module")
def runs(tmp_path_factory: pytest.TempPathFactory, ftk_tiny_model: Path) -> Iterator[Ftk]:
    """Two runs of the tiny model, `one` (merged) and `two` (not merged)."""
    ftk = make_ftk(tmp_path_factory.mktemp("embedded"), dict(os.environ))
    rows = [{"question": f"what is {number} and {number}?", "answer": str(2 * number)} for number in range(4)]
    (ftk.folder / "data.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows))
    (ftk.folder / "config.yml").write_text(CONFIG.format(model=ftk_tiny_model))
    for arguments in (("one",), ("two", "--set", "ftk.stages.merge=none", "--set", "max_steps=3")):
        done = ftk("run", "config.yml", "--name", *arguments)
        assert done.returncode == 0, done.stderr
    yield ftk
    ftk("serve", "--stop", "--all")
    ftk.kill_all()


def _serve(ftk: Ftk, *arguments: str, port: str = "0") -> str:
    setting = f"ftk.serve.max_request_bytes={MOST_BYTES}"
    options = ("--port", port, "--detach", "--json", "--set", setting)
    done = ftk("serve", *arguments, *options, FTK_API_KEY=KEY)
    assert done.returncode == 0, done.stderr
    return str(json.loads(done.stdout)["url"])


def _client(url: str) -> openai.OpenAI:
    return openai.OpenAI(base_url=f"{url}/v1", api_key=KEY, max_retries=0, timeout=120)


@pytest.fixture
def client(url: str) -> openai.OpenAI:
    """The openai client of that address."""
    return _client(url)


@pytest.fixture
def ask(url: str) -> Iterator[Any]:
    """Posts a body to a path there, for a status and what is wrong."""
    with httpx.Client(base_url=url, headers={"Authorization": f"Bearer {KEY}"}, timeout=120) as http:

        def post(path: str, body: Any = None, **more: Any) -> tuple[int, str]:
            answer = http.post(path, **(more or {"json": body}))
            return answer.status_code, answer.json().get("error", {}).get("message", "")

        yield post


def _complete(client: openai.OpenAI, model: str = "one", prompt: str = PROMPT, **more: Any) -> str:
    given = {"max_tokens": 8, "temperature": 0, **more}
    return client.completions.create(model=model, prompt=prompt, **given).choices[0].text


def _inferred(ftk: Ftk, *arguments: str) -> str:
    done = ftk("infer", PROMPT, "--max-new-tokens", "8", "--json", *arguments)
    assert done.returncode == 0, done.stderr
    return str(json.loads(done.stdout)["text"])


@pytest.mark.slow
def test_answers_are_those_of_infer(runs: Ftk) -> None:
    client = _client(_serve(runs, "one", "two"))
    names = [model.id for model in client.models.list().data]
    assert names[:2] == ["one", "two"] and len(names) == 3
    asked = (("--run", "one"), ("--run", "two"), ("--run", "one", "--base"))
    wanted = [_inferred(runs, *arguments) for arguments in asked]
    assert len(set(wanted)) == 3, "the models must differ"
    assert [_complete(client, name) for name in names] == wanted
    # Whichever adapter each of them wants, 16 at a time.
    with ThreadPoolExecutor(16) as pool:
        found = list(pool.map(lambda number: _complete(client, names[number % 3]), range(48)))
    assert found == [wanted[number % 3] for number in range(48)]
    alone = _client(_serve(runs, "two"))
    assert _complete(alone, "two") == wanted[1]
    with pytest.raises(openai.NotFoundError, match="there is no model 'one'; served are: two"):
        _complete(alone, "one")


def test_chats_and_streams_give_the_same_answer(client: openai.OpenAI) -> None:
    whole = _complete(client)
    asked: dict[str, Any] = {"model": "one", "temperature": 0}
    messages: Any = [{"role": "user", "content": PROMPT.strip()}]
    chat = client.chat.completions.create(messages=messages, max_completion_tokens=8, **asked)
    assert chat.choices[0].message.content == whole
    assert chat.usage and chat.usage.prompt_tokens == len(PROMPT)
    stream = client.completions.create(prompt=PROMPT, max_tokens=8, stream=True, **asked)
    assert "".join(part.choices[0].text for part in stream) == whole
    chunks = client.chat.completions.create(messages=messages, max_tokens=8, stream=True, **asked)
    assert "".join(part.choices[0].delta.content or "" for part in chunks) == whole


def test_a_script_gets_the_plain_answer(url: str, client: openai.OpenAI) -> None:
    with httpx.Client(base_url=url, headers={"Authorization": f"Bearer {KEY}"}, timeout=120) as http:
        answer = http.get("/", params={"input": "[INST] 2 & 2? [/INST]"})
        assert (answer.status_code, answer.headers["content-type"]) == (200, "text/plain; charset=utf-8")
        assert answer.text == _complete(client, prompt="[INST] 2 & 2? [/INST]", max_tokens=256)
        missing = http.get("/")
        assert (missing.status_code, missing.json()["error"]["code"]) == (400, "no_input")
        assert http.get("/", params={"input": ""}).status_code == 400
        assert http.post("/", json={}).status_code == 405
    assert httpx.get(f"{url}/", params={"input": PROMPT}).status_code == 401


def test_an_answer_ends_before_its_stop_text(client: openai.OpenAI) -> None:
    whole = _complete(client, max_tokens=24)
    stop = whole[5:7]
    wanted = whole[: whole.index(stop)]
    answer = client.completions.create(model="one", prompt=PROMPT, max_tokens=24, temperature=0, stop=stop).choices[0]
    assert (answer.text, answer.finish_reason) == (wanted, "stop")
    stream = client.completions.create(
        model="one", prompt=PROMPT, max_tokens=24, temperature=0, stop=[stop], stream=True
    )
    assert "".join(part.choices[0].text for part in stream) == wanted


def test_a_seed_makes_drawn_answers_the_same(client: openai.OpenAI) -> None:
    drawn = {"temperature": 1.5, "max_tokens": 16}
    assert _complete(client, **drawn, seed=3) == _complete(client, **drawn, seed=3)
    assert len({_complete(client, **drawn) for _ in range(4)}) > 1


MESSAGES = "/v1/chat/completions"
COMPLETIONS = "/v1/completions"
GOOD = {"model": "one", "prompt": PROMPT, "max_tokens": 4, "temperature": 0}


@pytest.mark.parametrize(
    ("path", "change", "status", "message"),
    [
        (COMPLETIONS, {"model": "moon"}, 404, "there is no model 'moon'"),
        (COMPLETIONS, {"model": None}, 400, "model: "),
        (COMPLETIONS, {"prompt": 3}, 400, "prompt: "),
        (COMPLETIONS, {"prompt": ""}, 400, "the prompt is empty"),
        (COMPLETIONS, {"prompt": "x" * 5000}, 400, "5000 tokens"),
        (COMPLETIONS, {"prompt": "x" * MOST_BYTES}, 413, f"larger than {MOST_BYTES} bytes"),
        (COMPLETIONS, {"max_tokens": "many"}, 400, "max_tokens: "),
        (COMPLETIONS, {"max_tokens": 0}, 400, "max_tokens: "),
        (COMPLETIONS, {"temperature": 9}, 400, "temperature: "),
        (COMPLETIONS, {"n": 2}, 400, "n: "),
        (COMPLETIONS, {"logprobs": 1}, 400, "logprobs: "),
        (COMPLETIONS, {"frequency_penalty": 1}, 400, "frequency_penalty: "),
        (COMPLETIONS, {"top_q": 1}, 400, "top_q"),
        (MESSAGES, {}, 400, "messages: "),
        (MESSAGES, {"messages": []}, 400, "messages: "),
        (MESSAGES, {"messages": [{"role": "user", "content": 3}]}, 400, "messages.0.content"),
        (MESSAGES, {"messages": [{"role": "clown", "content": "x"}]}, 400, "the chat template refuses these messages"),
        ("/v1/responses", {}, 404, "there is no /v1/responses here"),
        ("/reset", {}, 404, "there is no /reset here"),
        ("/load_model", {"model": "org/name"}, 404, "there is no /load_model here"),
    ],
)
def test_a_request_that_cannot_be_answered_is_told(
    ask: Any, path: str, change: dict[str, Any], status: int, message: str
) -> None:
    body = {**GOOD, **change} if path == COMPLETIONS else {"model": "one", **change}
    assert (status, True) == ((told := ask(path, body))[0], message in told[1]), told


@pytest.mark.parametrize(
    ("path", "field", "value"),
    [
        (COMPLETIONS, "prompt", "a\ud800"),
        (COMPLETIONS, "model", "\udfff"),
        (COMPLETIONS, "stop", ["\ud800"]),
        (MESSAGES, "messages", [{"role": "user", "content": "\ud800"}]),
        (MESSAGES, "messages", [{"role": "user", "content": [{"type": "text", "text": "\ud800"}]}]),
        (MESSAGES, "messages", [{"role": "user", "content": "x", "\ud800": "x"}]),
    ],
)
def test_half_of_a_character_is_told(ask: Any, path: str, field: str, value: Any) -> None:
    content = json.dumps({"model": "one", "prompt": PROMPT, field: value}).encode()
    told = ask(path, content=content, headers={"Content-Type": "application/json"})
    assert told == (400, f"{field}: a lone surrogate is no character")


@pytest.mark.parametrize("content", [b"{", b"[]", b"\xff", b"null", b""])
def test_a_body_that_is_no_object_is_told(ask: Any, content: bytes) -> None:
    status, message = ask(COMPLETIONS, content=content, headers={"Content-Type": "application/json"})
    assert (status, bool(message)) == (400, True)


def test_only_health_is_for_everybody(url: str, client: openai.OpenAI) -> None:
    assert httpx.get(f"{url}/health").status_code == 200
    for path in ("/v1/models", "/docs", "/openapi.json"):
        assert httpx.get(f"{url}{path}").status_code == 401
    for key in ("x", f"{KEY}x", KEY[:-1]):
        refused = httpx.post(f"{url}{COMPLETIONS}", json=GOOD, headers={"Authorization": f"Bearer {key}"})
        assert (refused.status_code, refused.json()["error"]["code"]) == (401, "invalid_api_key")
    with pytest.raises(openai.AuthenticationError):
        _complete(client.with_options(api_key="x"))


def test_more_requests_than_the_server_takes_are_told_to_come_again() -> None:
    """By the guard alone: the real server is too quick."""
    from starlette.testclient import TestClient

    from ftk_transformers.server.guard import Guard

    inner: Any = None

    async def application(scope: Any, receive: Any, send: Any) -> None:
        nonlocal inner
        if inner is None:
            inner = TestClient(guard).post(COMPLETIONS, json=GOOD)
        await send({"type": "http.response.start", "status": 200, "headers": []})
        await send({"type": "http.response.body", "body": b"{}"})

    guard = Guard(application, None, MOST_BYTES, 1)
    assert TestClient(guard).post(COMPLETIONS, json=GOOD).status_code == 200
    assert (inner.status_code, inner.headers["Retry-After"], inner.json()["error"]["code"]) == (503, "1", "overloaded")


@pytest.mark.slow
def test_of_500_requests_each_gets_its_status_and_no_good_one_is_lost(runs: Ftk) -> None:
    url = _serve(runs, "one")
    client = _client(url)
    wanted = _complete(client, max_tokens=4)
    kinds = ["malformed", "large", "cancelled", "stranger"]
    plan = [kinds[number // 10 % 4] if number % 10 == 0 else "good" for number in range(500)]
    random.Random(0).shuffle(plan)
    headers = {"Authorization": f"Bearer {KEY}", "Content-Type": "application/json"}
    http = httpx.Client(base_url=url, timeout=240, limits=httpx.Limits(max_connections=32))

    def one(kind: str) -> Any:
        match kind:
            case "malformed":
                return http.post(COMPLETIONS, content=b'{"model": "one", ', headers=headers).status_code
            case "large":
                return http.post(
                    COMPLETIONS, json={**GOOD, "prompt": "x" * 10 * MOST_BYTES}, headers=headers
                ).status_code
            case "stranger":
                return http.post(COMPLETIONS, json=GOOD, headers={"Authorization": "Bearer x"}).status_code
            case "cancelled":
                return _go_away(url)
            case _:
                answer = http.post(COMPLETIONS, json=GOOD, headers=headers)
                return (answer.status_code, answer.json()["choices"][0]["text"])

    right = {"malformed": 400, "large": 413, "stranger": 401, "cancelled": "gone", "good": (200, wanted)}
    with http, ThreadPoolExecutor(16) as pool:
        found = list(pool.map(one, plan))
    assert [pair for pair in zip(plan, found, strict=True) if pair[1] != right[pair[0]]] == []
    # Those who went away wanted more tokens than all the others together: nobody has waited for them.
    assert _complete(client, max_tokens=4) == wanted


def _go_away(url: str) -> str:
    """Ask for a long answer, and leave."""
    body = json.dumps({**GOOD, "max_tokens": 2000, "prompt": "why", "stream": random.random() < 0.5}).encode()
    host, port = url.removeprefix("http://").split(":")
    with socket.create_connection((host, int(port))) as connection:
        head = f"POST {COMPLETIONS} HTTP/1.1\r\nHost: {host}\r\nAuthorization: Bearer {KEY}\r\n"
        length = f"Content-Type: application/json\r\nContent-Length: {len(body)}\r\n\r\n"
        connection.sendall((head + length).encode() + body)
        time.sleep(0.05)
    return "gone"


@pytest.mark.slow
def test_a_client_that_goes_away_holds_nobody_up(
    url: str, client: openai.OpenAI, monkeypatch: pytest.MonkeyPatch
) -> None:
    from ftk_transformers.server.answering import Answering

    whole = client.completions.create(model="one", prompt=PROMPT, max_tokens=2000, temperature=0).usage
    assert whole and whole.completion_tokens > 400, "the answer must be a long one"
    lengths: list[int] = []
    generate = Answering.generate

    def recorded(answering: Answering, generation_config: Any, **given: Any) -> Any:
        made = generate(answering, generation_config, **given)
        lengths.append(made.shape[-1])
        return made

    monkeypatch.setattr(Answering, "generate", recorded)
    for number in range(40):
        # Gone before the answer, or with the first piece of it.
        with (
            suppress(httpx.TimeoutException),
            httpx.stream(
                "POST",
                f"{url}{COMPLETIONS}",
                json={**GOOD, "max_tokens": 2000, "stream": number % 2 == 0},
                headers={"Authorization": f"Bearer {KEY}"},
                timeout=httpx.Timeout(30, read=0.02),
            ) as answer,
        ):
            next(answer.iter_raw())
    assert _complete(client)
    assert sum(lengths) < 40 * whole.total_tokens / 4, "answers were finished that nobody waited for"


@pytest.mark.slow
def test_killed_it_leaves_nothing_and_the_next_start_works(runs: Ftk) -> None:
    runs("serve", "--stop", "--all")
    url = _serve(runs, "two")
    (server,) = [item for item in runs.servers() if "ftk_transformers.serve" in item.cmdline()]
    server.kill()
    runs.wait_for(lambda: not runs.servers())
    assert _serve(runs, "two", port=url.rpartition(":")[2]) == url
    assert [model.id for model in _client(url).models.list().data] == ["two"]


# What the hook says


@pytest.fixture
def run(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Run:
    """A run that was not started."""
    manager = Manager.load()
    home = Home(tmp_path / "runs", tmp_path / "cache")
    config = resolve(read_yaml("base_model: a/b\ndatasets: [{path: x.jsonl, type: {}}]", "config.yml"), [], manager)
    monkeypatch.setattr(Run, "tokenizer", lambda run: Artifact("cache", "tokenizers/t"))
    folder = home.runs / "served"
    folder.mkdir(parents=True)
    return Run(folder, Cache(home.cache), config, manager, manager.backend("local", home))


def test_the_command_has_no_path_of_this_machine_and_no_key(run: Run, tmp_path: Path) -> None:
    model = Model(Artifact("cache", "models/tiny"), Artifact("runs", "other/lora-out"))
    endpoint = Manager.load().serve("transformers", run, [Served("a", model), Served("b", Model(model.folder))])
    argv = endpoint.command.argv
    assert (HOST in argv, PORT in argv, endpoint.key_variable) == (True, True, "FTK_SERVER_KEY")
    assert argv[-6:] == ("a", model.folder, model.adapter, "b", model.folder, "-")
    assert not any(str(tmp_path) in str(part) for part in argv)


@pytest.mark.parametrize("setting", ["gpu_memory: 0.5", "arguments: [--x]"])
def test_a_setting_that_it_does_not_have_is_refused(run: Run, setting: str) -> None:
    manager = Manager.load()
    text = f"base_model: a/b\ndatasets: [{{path: x.jsonl, type: {{}}}}]\nftk: {{serve: {{{setting}}}}}"
    run.config = resolve(read_yaml(text, "config.yml"), [], manager)
    with pytest.raises(UsageError, match="transformers has no setting for"):
        manager.serve("transformers", run, [Served("a", Model(Artifact("cache", "models/tiny")))])
