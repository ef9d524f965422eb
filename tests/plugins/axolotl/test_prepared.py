"""What axolotl has made of rows is used again where the same would come out, and nowhere else."""

from collections.abc import Callable, Mapping
from typing import Any

import pytest

from ftk.files import write_json
from ftk.runs.run import Run
from ftk_axolotl.checkpoints import MARKER
from ftk_axolotl.keys import ALL
from ftk_axolotl.prepared import TRAINING_ONLY, Prepared
from ftk_axolotl.raw import stage_raw

ROW = '{"instruction": "1 + 1", "output": "2"}\n'


def train(run: Run) -> str:
    """The rows that a training of this run reads: those that another made, or its own, which it keeps."""
    prepared = Prepared(run, stage_raw(run))
    prepared.bring()
    folder = run.path(prepared.folder)
    if not folder.exists():
        folder.mkdir(parents=True)
        (folder / "rows.arrow").write_text(run.id)
        write_json(folder / MARKER, {"rows.arrow": len(run.id)})
    prepared.keep()
    return (folder / "rows.arrow").read_text()


@pytest.mark.parametrize(
    "keys",
    [
        {"learning_rate": 1e-3, "micro_batch_size": 4, "output_dir": "elsewhere"},
        {"adapter": "lora", "lora_r": 8, "deepspeed": "zero2", "save_steps": 5},
        {"train_on_inputs": None},
    ],
)
def test_a_run_that_trains_otherwise_takes_what_is_there(make_run: Callable[..., Run], keys: Mapping[str, Any]) -> None:
    assert train(make_run("first")) == "first"
    assert train(make_run("second", keys)) == "first"


@pytest.mark.parametrize(
    "keys",
    [
        {"train_on_inputs": True},
        {"eot_tokens": ["</s>"]},
        {"chat_template": "jinja", "chat_template_jinja": "{{ messages }}"},
        {"default_system_message": "Be short."},
        {"shuffle_before_merging_datasets": True},
        {"dataset_shard_num": 2, "dataset_shard_idx": 1},
        {"sequence_len": 64},
        {"seed": 3},
        {"val_set_size": 0.5},
        {"plugins": ["mine.Plugin"]},
    ],
    ids=lambda keys: next(iter(keys)),
)
def test_a_run_with_other_rows_prepares_its_own(make_run: Callable[..., Run], keys: Mapping[str, Any]) -> None:
    assert train(make_run("first")) == "first"
    assert train(make_run("second", keys)) == "second"


def test_other_content_under_the_same_name_is_prepared(make_run: Callable[..., Run]) -> None:
    assert train(make_run("first")) == "first"
    assert train(make_run("second", rows=ROW * 2)) == "second"


def test_what_a_name_of_the_hub_meant_is_not_shared(make_run: Callable[..., Run]) -> None:
    assert train(make_run("first", path="org/rows")) == "first"
    assert train(make_run("second", path="org/rows")) == "second"
    assert train(make_run("third")) == "third"


def test_rows_that_are_damaged_in_a_run_are_taken_from_the_cache_again(make_run: Callable[..., Run]) -> None:
    first = make_run("first")
    assert train(first) == "first"
    (path,) = first.path(first.prepared_folder).rglob("rows.arrow")
    with path.open("r+b") as stream:
        stream.truncate(1)  # the file itself, whatever names it has
    assert train(first) == "first"
    assert train(make_run("second")) == "first"


def test_the_keys_without_a_part_in_rows_are_axolotls() -> None:
    assert not TRAINING_ONLY - set(ALL)
