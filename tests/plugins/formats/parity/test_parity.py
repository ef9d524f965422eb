"""Every format gives the token ids and labels that axolotl gives the same rows."""

import importlib.util
import json
import os
import shutil
import subprocess
import sys
import sysconfig
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest
from tokenizers import Tokenizer, decoders, models, normalizers, pre_tokenizers, processors, trainers

import ftk_formats.plugin
from ftk.hooks.manager import Manager
from ftk.plugin import Artifact, Cache, Config, Run, complete, hookimpl
from ftk.testing.tiny_model import write_tiny_model

HERE = Path(__file__).parent
ROOT = HERE.parents[3]

SPEC = importlib.util.spec_from_file_location("cases", HERE / "cases.py")
assert SPEC is not None and SPEC.loader is not None
cases = importlib.util.module_from_spec(SPEC)
sys.modules["cases"] = cases
SPEC.loader.exec_module(cases)

EVERY = {**cases.CASES, **cases.PAIRS}

CHOSEN = (
    "alpaca",
    "alpaca_w_system.load_open_orca",
    "user_defined, all keys",
    "completion",
    "input_output",
    "token ids",
    "chatml, added tokens",
    "chatml, last end-of-turn",
    "chatml, older names",
    "chatml, trained by message",
    "chatml, trained by part",
    "llama3",
    "mistral_v3_tekken",
    "qwen3, thoughts",
    "qwen3, tools",
    "a given template",
    "dpo chatml.intel",
    "dpo chat_template.default",
    "orpo chat_template.argilla",
    "kto user_defined",
)
"""Those that are tried where `FTK_TEST_ALL_FORMATS` does not ask for all."""

ALL = EVERY if os.environ.get("FTK_TEST_ALL_FORMATS") else {name: EVERY[name] for name in CHOSEN}

SEQUENCE_LEN = 512

pytestmark = pytest.mark.slow


def write_llama_like(folder: Path) -> Path:
    """A model with a tokenizer that puts `<s>` before whatever it encodes, as Llama's do."""
    write_tiny_model(folder)
    tokenizer = Tokenizer(models.BPE())
    tokenizer.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    tokenizer.decoder = decoders.ByteLevel()
    special = ["<unk>", "<s>", "</s>"]
    alphabet = pre_tokenizers.ByteLevel.alphabet()
    trainer = trainers.BpeTrainer(
        vocab_size=600, special_tokens=special, initial_alphabet=alphabet, show_progress=False
    )
    tokenizer.train_from_iterator([(HERE / "cases.py").read_text(encoding="utf-8")] * 2, trainer)
    start = processors.TemplateProcessing("<s> $A", special_tokens=[("<s>", 1)])
    tokenizer.post_processor = processors.Sequence([processors.ByteLevel(trim_offsets=False), start])
    tokenizer.save(str(folder / "tokenizer.json"))
    named = {"bos_token": "<s>", "eos_token": "</s>", "unk_token": "<unk>"}
    (folder / "tokenizer_config.json").write_text(
        json.dumps({"tokenizer_class": "PreTrainedTokenizerFast", **named}), encoding="utf-8"
    )
    return folder


def write_older_llama(folder: Path) -> Path:
    """A model with a tokenizer of whole text, as those of the first Llamas are, which readers rebuild by its class."""
    write_tiny_model(folder)
    tokenizer = Tokenizer(models.BPE(unk_token="<unk>", fuse_unk=True, byte_fallback=True))
    tokenizer.normalizer = normalizers.Sequence([normalizers.Prepend("▁"), normalizers.Replace(" ", "▁")])
    special = ["<unk>", "<s>", "</s>"]
    pieces = [*special, *(f"<0x{byte:02X}>" for byte in range(256))]
    trainer = trainers.BpeTrainer(vocab_size=900, special_tokens=pieces, show_progress=False)
    text = (HERE / "cases.py").read_text(encoding="utf-8").replace("\n", " \n ")
    tokenizer.train_from_iterator([text] * 2, trainer)
    content = json.loads(tokenizer.to_str())
    content["added_tokens"] = [token for token in content["added_tokens"] if token["content"] in special]
    tokenizer = Tokenizer.from_str(json.dumps(content))
    tokenizer.post_processor = processors.TemplateProcessing("<s> $A", special_tokens=[("<s>", 1)])
    tokenizer.save(str(folder / "tokenizer.json"))
    named = {"bos_token": "<s>", "eos_token": "</s>", "unk_token": "<unk>", "legacy": False}
    (folder / "tokenizer_config.json").write_text(json.dumps({"tokenizer_class": "LlamaTokenizer", **named}))
    return folder


def write_smollm2(folder: Path) -> Path:
    """The tokenizer of SmolLM2, as the quickstart fetches it; `FTK_TEST_CACHE` keeps the model for other tests."""
    kept = os.environ.get("FTK_TEST_CACHE")
    cache = Path(kept) / "ftk" if kept else folder.with_name("cache")
    runs = folder.with_name("runs")
    ftk = Path(sysconfig.get_path("scripts")) / "ftk"
    variables = {"FTK_CACHE_DIR": str(cache), "FTK_RUNS_DIR": str(runs)}
    argv = [ftk, "run", ROOT / "configs" / "quickstart.yml", "--until", "prepare_model"]
    done = subprocess.run(argv, env={**os.environ, **variables}, capture_output=True, text=True)
    assert done.returncode == 0, done.stdout + done.stderr
    [manifest] = runs.glob("*/stages/prepare_model.json")
    found = cache / json.loads(manifest.read_text())["result"]["folder"].removeprefix("cache:")
    folder.mkdir()
    for name in ("config.json", "tokenizer.json", "tokenizer_config.json", "chat_template.jinja"):
        shutil.copy(found / name, folder / name)
    return folder


MODELS = {"llama-like": write_llama_like, "older-llama": write_older_llama, "smollm2": write_smollm2}


def entry(name: str, folder: Path) -> dict[str, Any]:
    """The data set of a case, written to a file."""
    case = ALL[name]
    folder.mkdir(exist_ok=True)
    file = folder / f"{list(ALL).index(name)}.jsonl"
    file.write_text("".join(json.dumps(row) + "\n" for row in case.rows), encoding="utf-8")
    kind = {} if case.type is None else {"type": case.type}
    return {"path": str(file), "ds_type": "json", **kind, **case.entry}


def axolotl_config(name: str, model: Path, folder: Path) -> dict[str, Any]:
    """The config of a case for axolotl."""
    return {
        "base_model": str(model),
        "datasets": [entry(name, folder)],
        "sequence_len": SEQUENCE_LEN,
        "micro_batch_size": 1,
        "gradient_accumulation_steps": 1,
        "num_epochs": 1,
        "learning_rate": 1e-4,
        "optimizer": "adamw_torch",
        "bf16": False,
        "dataset_num_proc": 1,
        "shuffle_merged_datasets": False,
        "remove_unused_columns": False,
        "dataset_prepared_path": str(folder / "prepared" / str(list(ALL).index(name))),
        "output_dir": str(folder / "out" / str(list(ALL).index(name))),
        **ALL[name].keys,
    }


@pytest.fixture(scope="session")
def prepared_by_axolotl(axolotl_python: str, tmp_path_factory: pytest.TempPathFactory) -> dict[str, Any]:
    """For each model its folder, and what axolotl makes of every case with it: all in one process."""
    folder = tmp_path_factory.mktemp("parity")
    models = {name: write(folder / name) for name, write in MODELS.items()}
    configs = {
        f"{kind} {name}": axolotl_config(name, model, folder / f"files-{kind}")
        for kind, model in models.items()
        for name in ALL
    }
    (folder / "cases.json").write_text(json.dumps(configs))
    argv = [axolotl_python, str(HERE / "in_axolotl.py"), str(folder / "cases.json"), str(folder / "out.json")]
    quiet = {"AXOLOTL_DO_NOT_TRACK": "1", "HF_HUB_OFFLINE": "1", "CUDA_VISIBLE_DEVICES": "", "HF_HOME": str(folder)}
    quiet["TMPDIR"] = str(folder)  # where axolotl leaves a copy of each config
    with (folder / "log.txt").open("w") as log:
        done = subprocess.run(argv, cwd=folder, env={**os.environ, **quiet}, stdout=log, stderr=subprocess.STDOUT)
    assert done.returncode == 0, (folder / "log.txt").read_text()[-3000:]
    found = json.loads((folder / "out.json").read_text())
    return {kind: (model, {name: found[f"{kind} {name}"] for name in ALL}) for kind, model in models.items()}


@pytest.fixture(scope="session", params=MODELS)
def prepared(request: pytest.FixtureRequest, prepared_by_axolotl: dict[str, Any]) -> Any:
    """The folder of a model, and what axolotl made of every case with it."""
    return prepared_by_axolotl[request.param]


def stage(name: str, model: Path, folder: Path) -> tuple[Run, list[dict[str, Any]]]:
    """The rows that ftk makes of a case, and the run that did it."""

    class Source:
        @hookimpl
        def prepare_tokenizer(self, run: Run) -> Artifact:
            return Artifact("cache", "model")

    manager = Manager()
    manager.register(ftk_formats.plugin, "formats")
    manager.register(Source(), "source")
    (folder / "cache").mkdir()
    (folder / "cache" / "model").symlink_to(model)
    (folder / "run").mkdir()
    values = complete(
        {"datasets": [entry(name, folder / "run")], "sequence_len": SEQUENCE_LEN, **ALL[name].keys},
        {"properties": ftk_formats.plugin.KEYS},
    )
    limits = complete({"max_truncated": 0.9, "allow_untrained_eos": True}, ftk_formats.gate.BLOCK)
    config = Config({**values, "ftk": {"data": limits, "stages": {"prepare_model": "source"}}})
    backend: Any = None
    run = Run(folder / "run", Cache(folder / "cache"), config, manager, backend)
    staged = ftk_formats.plugin.stage_data(run)
    return run, parquet(run.path(staged.folder / staged.TRAIN))


def parquet(path: Path) -> list[dict[str, Any]]:
    """The rows of a file."""
    import pyarrow.parquet as pq

    rows: list[dict[str, Any]] = pq.read_table(path).to_pylist()
    return rows


def given(prepared: Any, name: str) -> Mapping[str, Any]:
    """What axolotl made of a case."""
    found: Mapping[str, Any] = prepared[1][name]
    assert "error" not in found, found
    return found


@pytest.mark.parametrize("name", [name for name in ALL if name in cases.CASES])
def test_ids_and_labels_are_the_same(prepared: Any, name: str, tmp_path: Path) -> None:
    expected = given(prepared, name)["rows"]
    assert expected
    _, rows = stage(name, prepared[0], tmp_path)
    assert [{key: row[key] for key in ("input_ids", "labels")} for row in rows] == expected


@pytest.mark.parametrize("name", [name for name in ALL if name in cases.PAIRS])
def test_the_text_of_pairs_is_the_same(prepared: Any, name: str, tmp_path: Path) -> None:
    expected = given(prepared, name)["rows"]
    _, rows = stage(name, prepared[0], tmp_path)
    assert [{key: row[key] for key in wanted} for row, wanted in zip(rows, expected, strict=True)] == expected


@pytest.mark.parametrize("name", [name for name, case in ALL.items() if {"tokens", "special_tokens"} & set(case.keys)])
def test_the_tokenizer_is_the_same(prepared: Any, name: str, tmp_path: Path) -> None:
    from transformers import AutoTokenizer

    expected = given(prepared, name)
    run, _ = stage(name, prepared[0], tmp_path)
    tokenizer = AutoTokenizer.from_pretrained(run.path(run.tokenizer()))
    special = {key: [getattr(tokenizer, key), getattr(tokenizer, f"{key}_id")] for key in expected["special"]}
    added = {str(number): [str(token), token.special] for number, token in tokenizer.added_tokens_decoder.items()}
    # A named token that `tokens` adds again counts as special when the tokenizer is loaded the next time.
    expected_added = {
        number: [token, is_special or [token, int(number)] in expected["special"].values()]
        for number, (token, is_special) in expected["added"].items()
    }
    assert (special, added) == (expected["special"], expected_added)
    if "chat_template" in ALL[name].keys:  # else ftk gives the tokenizer the form of the training, and axolotl does not
        talk = cases.CASES["chatml"].rows[-1]["messages"]
        texts = [
            tokenizer.apply_chat_template(talk, chat_template=template, tokenize=False)
            for template in (tokenizer.chat_template, expected["template"])
        ]
        assert texts[0] == texts[1]
