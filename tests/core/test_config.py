"""One config from file, environment, `--set` and flags."""

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import pytest

from ftk.accelerator import Accelerator
from ftk.config.marked_yaml import read_yaml
from ftk.config.overrides import environment_overrides, parse_set
from ftk.config.resolve import read_config, resolve
from ftk.config.resolved import Config, load_resolved
from ftk.errors import ProblemsFound, UsageError
from ftk.hooks.manager import Manager
from ftk.plugin import Backend, hookimpl, stage

CONFIG = """\
base_model: org/name
datasets:
  - path: rows.jsonl
    type: {field_output: answer}
"""

Resolve = Callable[..., Config]


class OtherEngine:
    """A second engine, which must be chosen."""

    @stage(revision=1, keys={"sample_packing": {"type": "boolean", "default": True}})
    def train(self, run: Any, data: Any, model: Any) -> None:
        """Does nothing."""


class EngineOfGpus:
    """A third one, which trains unasked where there are GPUs."""

    @stage(revision=1, keys={"deepspeed": {"type": "string"}}, default=("cuda",))
    def train(self, run: Any, data: Any, model: Any) -> None:
        """Does nothing."""


class Hiring(Backend):
    """A backend that has the GPUs which it is asked for."""

    name = "local"
    servers_are_public = False

    @hookimpl
    def backend(self, name: str, home: Any) -> Any:
        return self

    def accelerator(self, settings: Mapping[str, Any]) -> Accelerator:
        return Accelerator("cuda" if settings["resources"].get("gpu") else "cpu")


class Limits:
    """A plugin with a block of its own."""

    @hookimpl
    def config_block(self) -> dict[str, Mapping[str, Any]]:
        share = {"type": "number", "default": 0.5}
        return {"limits": {"type": "object", "additionalProperties": False, "properties": {"share": share}}}


@pytest.fixture
def resolved(manager: Manager) -> Resolve:
    """Resolves a config's text with `--set` items."""
    manager.register(OtherEngine(), "other")
    manager.register(Limits(), "limits")
    return lambda text, *sets: resolve(read_yaml(text, "c.yml"), [parse_set(item) for item in sets], manager)


@pytest.fixture
def problems(resolved: Resolve) -> Callable[..., list[str]]:
    """Resolves a bad config, and gives its problems."""

    def find(text: str, *sets: str) -> list[str]:
        with pytest.raises(ProblemsFound) as error:
            resolved(text, *sets)
        return [str(problem) for problem in error.value.problems]

    return find


def test_every_default_and_provider_is_filled_in(resolved: Resolve) -> None:
    config = resolved(CONFIG)
    assert (config["lora_r"], config["adapter"], config["output_dir"]) == (8, None, "./lora-out")
    assert config.ftk == {
        "backend": "local",
        "engine": "stub",
        "environments": {},
        "plugins": [],
        "disable_plugins": [],
        "stages": dict.fromkeys(("stage_data", "prepare_model", "merge", "generate", "score", "serve"), "stub"),
        "resources": {"gpu": None, "cpu": None, "memory": None, "timeout": None},
        "loggers": [],
        "logging": {"drain": 10, "patience": 60, "system_interval": 15},
        "evaluate": {"rows": 32, "samples": 3, "max_new_tokens": 96},
        "serve": {
            "host": "127.0.0.1",
            "port": 8000,
            **dict.fromkeys(("dtype", "max_model_len", "gpu_memory", "max_concurrency", "max_request_bytes")),
            "arguments": [],
        },
        "limits": {"share": 0.5},
    }
    assert [config.provider(name) for name in ("train", "merge")] == ["stub", "stub"]


def test_a_resolved_config_resolves_to_itself(resolved: Resolve) -> None:
    config = resolved(CONFIG + "learning_rate: 1e-7\nftk: {stages: {merge: none}}\n")
    assert resolved(config.dump()).values == config.values
    assert load_resolved(config.dump().encode(), "resolved.yml").values == config.values
    assert resolved(config.dump()).dump() == config.dump()


def test_all_problems_are_told_at_once_with_their_lines(problems: Callable[..., list[str]]) -> None:
    text = CONFIG + "lora_r: many\nlorar: 8\nlearning_rate: -1\nadapter: qlora\n"
    assert sorted(problems(text)) == [
        "c.yml:5: `lora_r` is 'many', but must be a whole number",
        "c.yml:6: `lorar` is read by nothing that this run uses; did you mean `lora_r`?",
        "c.yml:7: `learning_rate` is -1, but must be more than 0",
        "c.yml:8: `adapter` is 'qlora', but must be `lora`",
    ]


@pytest.mark.parametrize("key", ["deepspeed", "wandb_project"])
def test_a_key_that_no_chosen_provider_reads_is_refused_by_name(problems: Callable[..., list[str]], key: str) -> None:
    [problem] = problems(f"{CONFIG}{key}: true\n")
    assert problem.startswith(f"c.yml:5: `{key}` is read by nothing that this run uses")


def test_a_key_is_welcome_when_its_provider_is_chosen(resolved: Resolve) -> None:
    config = resolved(CONFIG + "sample_packing: false\nftk: {engine: other}\n")
    assert config["sample_packing"] is False
    assert "lora_r" not in config.values


@pytest.mark.parametrize("text", ["", "base_model:\ndatasets:\n"])
def test_what_must_be_named_is_told_once(problems: Callable[..., list[str]], text: str) -> None:
    assert [problem.partition("; ")[0].partition(": ")[2] for problem in problems(text)] == [
        "`base_model` is missing",
        "`datasets` is missing",
    ]


def test_a_key_that_another_engine_reads_names_it(problems: Callable[..., list[str]]) -> None:
    [problem] = problems(CONFIG + "sample_packing: true\n")
    assert problem == ("c.yml:5: `sample_packing` is read by other, not by stub; `ftk.engine: other`, or remove it")


def test_where_gpus_are_hired_they_are_the_first_remedy(
    manager: Manager, resolved: Resolve, problems: Callable[..., list[str]]
) -> None:
    manager.register(EngineOfGpus(), "big")
    manager.register(Hiring(), "hiring")
    [problem] = problems(CONFIG + "deepspeed: x\n")
    assert problem == (
        "c.yml:5: `deepspeed` is read by big, not by stub; `--gpu a100-80gb:2`, since big trains where there are GPUs;"
        " `ftk.engine: big`, or remove it"
    )
    assert resolved(CONFIG + "deepspeed: x\n", "ftk.resources.gpu=a100-80gb:2").ftk["engine"] == "big"
    [named] = problems(CONFIG + "deepspeed: x\nftk: {engine: stub}\n")
    assert named.endswith("not by stub; `ftk.engine: big`, or remove it")


@pytest.mark.parametrize("key", ["sample_packing", "debug"])
def test_a_blank_key_of_another_engine_or_of_nobody_sets_nothing(resolved: Resolve, key: str) -> None:
    assert resolved(f"{CONFIG}{key}:\n")["lora_r"] == 8


def test_a_day_is_text_and_stays_so(resolved: Resolve) -> None:
    config = resolved(CONFIG + "output_dir: 2024-07-26\n")
    assert config["output_dir"] == "2024-07-26"
    assert "output_dir: '2024-07-26'" in config.dump()


@pytest.mark.parametrize(("value", "told"), [(".nan", "nan"), (".inf", "inf")])
def test_a_number_must_be_finite(problems: Callable[..., list[str]], value: str, told: str) -> None:
    [problem] = problems(f"{CONFIG}learning_rate: {value}\n")
    assert problem == f"c.yml:5: `learning_rate` is {told}, but must be a finite number"


def test_what_is_wrong_in_the_block_and_beside_it_is_told_together(problems: Callable[..., list[str]]) -> None:
    found = problems(CONFIG + "lora_r: x\nlorar: 8\nftk:\n  evaluate: {rows: -1}\n")
    assert [problem.partition(" ")[0] for problem in found] == ["c.yml:8:", "c.yml:5:", "c.yml:6:"]


def test_numeric_texts_are_numbers(resolved: Resolve) -> None:
    config = resolved(CONFIG + "learning_rate: '1e-4'\nlora_r: '16'\nmax_steps: 1e3\nftk: {evaluate: {rows: '4'}}\n")
    assert (config["learning_rate"], config["lora_r"], config["max_steps"]) == (1e-4, 16, 1000)
    assert config.ftk["evaluate"]["rows"] == 4


def test_a_blank_value_means_the_default(resolved: Resolve) -> None:
    blank = resolved(CONFIG + "adapter:\nlora_r:\nmax_steps:\nftk:\n  resources:\n  backend:\n  engine:\n  limits:\n")
    assert blank.values == resolved(CONFIG).values


def test_a_blank_adapter_is_none(resolved: Resolve) -> None:
    assert resolved(CONFIG + "adapter:\n")["adapter"] is None
    assert resolved(CONFIG + "adapter: lora\n")["adapter"] == "lora"


@pytest.mark.parametrize("blank", ["ftk:\n", "ftk: {}\n", "ftk: null\n"])
def test_a_blank_ftk_block_is_none(resolved: Resolve, blank: str) -> None:
    assert resolved(CONFIG + blank).values == resolved(CONFIG).values


@pytest.mark.parametrize("value", ["3", "0", "text", "[]", "false"])
def test_an_ftk_block_must_be_a_mapping(problems: Callable[..., list[str]], value: str) -> None:
    [problem] = problems(f"{CONFIG}ftk: {value}\n")
    assert problem.startswith("c.yml:5: `ftk` is ")
    assert problem.endswith(", but must be a mapping of keys")


@pytest.mark.parametrize(
    ("block", "message"),
    [
        ("engine: othr", "c.yml:6: no plugin 'othr' provides train; did you mean 'other'?"),
        ("engine: zzz", "c.yml:6: no plugin 'zzz' provides train; those that do: other, stub"),
        ("stages: {merge: x}", "c.yml:6: no plugin 'x' provides merge; those that do: stub"),
        ("stages: {train: stub}", "c.yml:6: `ftk.stages.train` is read by nothing that this run uses"),
        ("backnd: local", "c.yml:6: `ftk.backnd` is read by nothing that this run uses; did you mean `backend`?"),
        ("limits: {rows: 3}", "c.yml:6: `ftk.limits.rows` is read by nothing that this run uses; did you mean `ftk.ev"),
        ("limits: {share: x}", "c.yml:6: `ftk.limits.share` is 'x', but must be a number"),
        ("environments: {stbu: inherit}", "c.yml:6: no plugin describes the environment 'stbu'; `ftk env list` shows"),
        ("evaluate: {rows: 65}", "c.yml:6: `ftk.evaluate.rows` is 65, but must be at most 64"),
    ],
)
def test_what_is_wrong_in_the_block_is_told_with_its_line(
    problems: Callable[..., list[str]], block: str, message: str
) -> None:
    [problem] = problems(f"{CONFIG}ftk:\n  {block}\n")
    assert problem.startswith(message)


def test_an_interpreter_is_named_by_its_whole_path(problems: Callable[..., list[str]]) -> None:
    told, _ = problems(CONFIG + "ftk:\n  environments: {stub: python3}\n")
    assert told.startswith("c.yml:6: `ftk.environments.stub` is 'python3', but must be `inherit` for ftk's own")


def test_an_unknown_engine_does_not_make_its_keys_unknown(problems: Callable[..., list[str]]) -> None:
    assert len(problems(CONFIG + "deepspeed: x\nftk: {engine: zzz}\n")) == 1


@pytest.mark.parametrize(
    ("written", "seconds"),
    [("24h", 86400), ("1.5m", 90), ("2d", 172800), ("30s", 30), ("30", 30), ("30.5", 30.5), ("'7'", 7), ("null", None)],
)
def test_a_timeout_may_name_its_unit(resolved: Resolve, written: str, seconds: float | None) -> None:
    assert resolved(f"{CONFIG}ftk: {{resources: {{timeout: {written}}}}}\n").timeout == seconds


@pytest.mark.parametrize("written", ["soon", "-3", "0", "3w", "h"])
def test_another_timeout_is_refused(problems: Callable[..., list[str]], written: str) -> None:
    [problem] = problems(f"{CONFIG}ftk: {{resources: {{timeout: {written}}}}}\n")
    assert problem.startswith("c.yml:5: `ftk.resources.timeout` is ")


def test_the_environment_wins_over_the_file(monkeypatch: pytest.MonkeyPatch, manager: Manager) -> None:
    manager.register(OtherEngine(), "other")
    monkeypatch.setenv("FTK_ENGINE", "other")
    monkeypatch.setenv("FTK_BACKEND", "elsewhere")
    raw = read_yaml(CONFIG + "ftk: {engine: stub, backend: local}\n", "c.yml")
    config = resolve(raw, environment_overrides(), manager)
    assert (config.ftk["engine"], config.ftk["backend"]) == ("other", "elsewhere")
    later = [*environment_overrides(), parse_set("ftk.engine=stub")]
    assert resolve(raw, later, manager).ftk["engine"] == "stub"


def test_a_wrong_value_of_the_environment_is_told_as_such(monkeypatch: pytest.MonkeyPatch, manager: Manager) -> None:
    monkeypatch.setenv("FTK_ENGINE", "zzz")
    with pytest.raises(ProblemsFound) as error:
        resolve(read_yaml(CONFIG, "c.yml"), environment_overrides(), manager)
    assert str(error.value).startswith("the environment variable FTK_ENGINE: no plugin 'zzz' provides train")


def test_an_empty_environment_variable_says_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("FTK_ENGINE", "")
    monkeypatch.delenv("FTK_BACKEND", raising=False)
    assert environment_overrides() == []


def test_a_later_override_wins(resolved: Resolve) -> None:
    assert resolved(CONFIG + "lora_r: 2\n", "lora_r=4", "lora_r=16")["lora_r"] == 16


@pytest.mark.parametrize(
    ("item", "path", "value"),
    [
        ("lora_r=8", ("lora_r",), 8),
        ("learning_rate=1e-4", ("learning_rate",), 1e-4),
        ("datasets.0.path=a=b.jsonl", ("datasets", 0, "path"), "a=b.jsonl"),
        ("datasets[0].path=x", ("datasets", 0, "path"), "x"),
        ("adapter=", ("adapter",), None),
        ("x=[1, a, '1', {b: \"😀\\n\"}]", ("x",), [1, "a", "1", {"b": "😀\n"}]),
    ],
)
def test_set_names_a_place_and_a_yaml_value(item: str, path: tuple[Any, ...], value: Any) -> None:
    override = parse_set(item)
    assert (override.path, override.value, override.origin) == (path, value, f"--set {item.partition('=')[0]}")
    again = parse_set(override.text)
    assert (again.path, again.value) == (path, value)


@pytest.mark.parametrize("item", ["lora_r", "=8", "  =8"])
def test_set_without_a_key_or_a_value_is_refused(item: str) -> None:
    with pytest.raises(UsageError, match="there is no value"):
        parse_set(item)


def test_set_with_a_value_that_is_no_yaml_is_refused() -> None:
    with pytest.raises(ProblemsFound, match=r"--set lora_r:1: is no YAML"):
        parse_set("lora_r=[1")


def test_set_of_one_key_does_not_drop_another() -> None:
    with pytest.raises(UsageError, match=r"^--set lora_r: after the value stands `lora_alpha`\n.*an option of its own"):
        parse_set("lora_r=8\nlora_alpha: 3")
    assert parse_set("x=\n  a: 1\n  b: 2").value == {"a": 1, "b": 2}


def test_a_number_in_set_may_be_a_key(problems: Callable[..., list[str]]) -> None:
    for item in ("0=3", "5.a=1", "5.0.a=1"):
        (problem,) = problems(CONFIG, item)
        assert problem.startswith(f"--set {item.partition('=')[0]}: `{item[0]}` is read by nothing")


def test_set_reaches_inside_and_makes_the_mappings_on_its_way(resolved: Resolve) -> None:
    config = resolved(CONFIG, "datasets.0.type.field_input=context", "ftk.resources.timeout=1h")
    assert config["datasets"][0]["type"] == {"field_output": "answer", "field_input": "context"}
    assert config.timeout == 3600


@pytest.mark.parametrize(
    "item",
    [
        "datasets.5.path=x",
        "datasets.path=x",
        "base_model.x=1",
        "datasets.0.path.x=1",
        "datasets.x.path=1",
        "datasets.²=1",
    ],
)
def test_set_of_a_place_that_is_not_there_is_told(problems: Callable[..., list[str]], item: str) -> None:
    assert problems(CONFIG, item)[0].startswith(f"--set {item.partition('=')[0]}: there is no such place in the config")


def test_a_wrong_value_of_set_is_told_as_such(problems: Callable[..., list[str]]) -> None:
    assert problems(CONFIG, "lora_r=many") == ["--set lora_r: `lora_r` is 'many', but must be a whole number"]


def test_an_override_leaves_the_file_as_it_was(manager: Manager) -> None:
    raw = read_yaml(CONFIG, "c.yml")
    resolve(raw, [parse_set("datasets.0.path=other.jsonl")], manager)
    assert raw.values["datasets"][0]["path"] == "rows.jsonl"


@pytest.mark.parametrize("name", [".", "absent.yml"])
def test_a_config_that_cannot_be_read_is_told_by_its_path(tmp_path: Path, name: str) -> None:
    with pytest.raises(UsageError, match=rf"^{tmp_path / name}: (Is a directory|No such file or directory)"):
        read_config(tmp_path / name)


def test_a_config_that_is_no_utf8_is_told_with_the_byte(tmp_path: Path) -> None:
    path = tmp_path / "c.yml"
    path.write_bytes("a: é".encode("latin-1"))
    with pytest.raises(UsageError, match=r"c.yml: is no text in UTF-8 \(byte 3\)"):
        read_config(path)
