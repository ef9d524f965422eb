"""Rows are tokenised once, into the cache and the run."""

import json
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

import pyarrow.parquet as pq
import pytest

from ftk.plugin import UNTRAINED, FtkError, ProblemsFound, Run, StagedData, files
from ftk_formats import staging

EOS = 1
MakeRun = Callable[..., Run]


def row(number: int, answer: str = "") -> Mapping[str, str]:
    """A row whose words tell its number: the prompt is one token, the answer two with its end."""
    return {"instruction": f"w{number}", "output": answer or f"w{number}"}


def ids(number: int) -> list[int]:
    """The tokens of that row: the words come after `<s>`, `</s>` and `?`."""
    return [number + 3, number + 3, EOS]


def table(run: Run, name: str) -> list[dict[str, Any]]:
    """The rows of a Parquet file in the run's copy of the data."""
    rows: list[dict[str, Any]] = pq.read_table(run.folder / "last_run_prepared" / name).to_pylist()
    return rows


def samples(run: Run) -> list[dict[str, Any]]:
    """The readable samples."""
    return files.read_json_lines(run.folder / "last_run_prepared" / "samples.jsonl")


def trained(run: Run) -> list[int]:
    """The numbers of the rows that are trained on, in order."""
    return [item["input_ids"][0] - 3 for item in table(run, "train.parquet")]


def held_out(run: Run) -> list[int]:
    """The numbers of the rows that are held out, in order."""
    return [item["input_ids"][0] - 3 for item in table(run, "eval.parquet")]


def test_the_file_holds_tokens_mask_and_labels(make_run: MakeRun) -> None:
    run = make_run([row(0), row(1, "w2 w3")])
    staging.stage_data(run)
    assert table(run, "train.parquet") == [
        {"input_ids": [3, 3, EOS], "attention_mask": [1, 1, 1], "labels": [UNTRAINED, 3, EOS]},
        {"input_ids": [4, 5, 6, EOS], "attention_mask": [1, 1, 1, 1], "labels": [UNTRAINED, 5, 6, EOS]},
    ]
    assert not (run.folder / "last_run_prepared" / "eval.parquet").exists()


def test_the_result_counts_what_there_is(make_run: MakeRun) -> None:
    run = make_run([row(number) for number in range(20)], val_set_size=5)
    staged = staging.stage_data(run)
    assert staged == StagedData(run.prepared_folder, staged.digest, 15, 5, 45, 30, 0)


def test_prompts_are_trained_where_the_config_says_so(make_run: MakeRun) -> None:
    run = make_run([row(0)], train_on_inputs=True)
    staged = staging.stage_data(run)
    assert table(run, "train.parquet")[0]["labels"] == ids(0)
    assert staged.trained_tokens == staged.tokens == 3


@pytest.mark.parametrize(("size", "number"), [(0, 0), (0.25, 5), (0.01, 1), (0.1, 2), (1, 1), (5, 5), (19, 19)])
def test_a_share_or_a_number_of_rows_is_held_out(make_run: MakeRun, size: float, number: int) -> None:
    run = make_run([row(number) for number in range(20)], val_set_size=size)
    staged = staging.stage_data(run)
    assert (staged.train_rows, staged.eval_rows) == (20 - number, number)
    if number:
        assert sorted(trained(run) + held_out(run)) == list(range(20))
        assert held_out(run) == sorted(held_out(run))


@pytest.mark.parametrize("size", [20, 100, 0.99])
def test_not_all_rows_can_be_held_out(make_run: MakeRun, size: float) -> None:
    with pytest.raises(FtkError, match=f"val_set_size {size} holds out all 20 rows"):
        staging.stage_data(make_run([row(number) for number in range(20)], val_set_size=size))


def test_the_seed_decides_which_rows_are_held_out(make_run: MakeRun) -> None:
    rows = [row(number) for number in range(20)]
    runs = [make_run(rows, val_set_size=5, seed=seed) for seed in (1, 1, 2)]
    for run in runs:
        staging.stage_data(run)
    first, again, other = map(held_out, runs)
    assert first == again != other


def test_rows_that_are_too_long_are_left_out_and_counted(make_run: MakeRun) -> None:
    run = make_run([row(0), row(1, "w1 " * 10), row(2)], sequence_len=8, limits={"max_truncated": 0.5})
    assert staging.stage_data(run).truncated_rows == 1
    assert trained(run) == [0, 2]


def test_too_many_of_them_fail_and_leave_nothing(make_run: MakeRun, cache: Path) -> None:
    run = make_run([row(0), row(1, "w1 " * 10)], sequence_len=8)
    with pytest.raises(FtkError, match="1 of 2 rows"):
        staging.stage_data(run)
    assert list((cache / "data").iterdir()) == []
    assert not (run.folder / "last_run_prepared").exists()


@pytest.mark.parametrize(
    ("rows", "message", "remedy"),
    [
        ([row(0, "w1 " * 10), row(1)], "1 longer than sequence_len", "raise sequence_len"),
        ([row(1), row(1)], "1 there already", "leave out dataset_exact_deduplication"),
    ],
)
def test_it_is_told_where_all_rows_went(
    rows: list[Mapping[str, str]], message: str, remedy: str, make_run: MakeRun
) -> None:
    keys = {"sequence_len": 8, "val_set_size": 1, "dataset_exact_deduplication": True}
    for seed in range(20):
        run = make_run(rows, seed=seed, limits={"max_truncated": 1}, **keys)
        try:
            staging.stage_data(run)
        except FtkError as error:
            assert error.message == f"no row is left to train on: 2 in all, 1 held out, {message}"
            assert error.remedy == f"lower val_set_size or {remedy}"
            return
    pytest.fail("no seed held out the only row to train on")


def test_all_data_sets_are_joined_in_order(make_run: MakeRun) -> None:
    run = make_run([row(0), row(1)], [row(2)])
    staging.stage_data(run)
    assert trained(run) == [0, 1, 2]


def write_rows(path: Path, numbers: Sequence[int]) -> None:
    """A file of rows."""
    path.write_text("".join(json.dumps(row(number)) + "\n" for number in numbers))


def test_data_to_evaluate_on_are_held_out_whole(make_run: MakeRun) -> None:
    run = make_run([row(0), row(1)], test_datasets=[{"path": "test-data.jsonl", "type": {}}])
    write_rows(run.folder / "test-data.jsonl", [7, 8, 9])
    staged = staging.stage_data(run)
    assert (staged.train_rows, staged.eval_rows) == (2, 3)
    assert (trained(run), held_out(run)) == ([0, 1], [7, 8, 9])
    assert [item["row"] for item in table(run, "eval-rows.parquet")] == [3, 4, 5]


def test_a_folder_is_read_file_by_file(make_run: MakeRun) -> None:
    run = make_run([row(0)])
    for name, number in (("b.jsonl", 2), ("a.jsonl", 1)):
        (run.folder / "data").mkdir(exist_ok=True)
        write_rows(run.folder / "data" / name, [number])
    run.config["datasets"][0]["path"] = "data"
    staging.stage_data(run)
    assert trained(run) == [1, 2]


@pytest.mark.parametrize(
    ("split", "numbers"),
    [
        ("train[:3]", [0, 1, 2]),
        ("train[2:4]", [2, 3]),
        ("train[8:]", [8, 9]),
        ("train[:20%]", [0, 1]),
        ("train[50%:70%]", [5, 6]),
        ("train[:]", list(range(10))),
    ],
)
def test_a_split_may_be_read_in_part(make_run: MakeRun, split: str, numbers: list[int]) -> None:
    run = make_run([row(number) for number in range(10)])
    run.config["datasets"][0]["split"] = split
    staging.stage_data(run)
    assert trained(run) == numbers


def test_rows_that_are_there_already_are_left_out_where_that_is_wanted(make_run: MakeRun) -> None:
    rows = [row(0), row(1), row(0), row(0, "w1")]
    run = make_run(rows, [row(1)], dataset_exact_deduplication=True)
    assert staging.stage_data(run).duplicate_rows == 2
    assert [item["row"] for item in table(run, "train-rows.parquet")] == [1, 2, 4]
    assert staging.stage_data(make_run(rows)).train_rows == 4


def test_rows_that_are_too_long_are_cut_where_that_is_wanted(make_run: MakeRun) -> None:
    run = make_run([row(0, "w1 " * 10)], sequence_len=8, excess_length_strategy="truncate")
    assert staging.stage_data(run).truncated_rows == 1
    assert table(run, "train.parquet")[0]["labels"] == [UNTRAINED] + [4] * 7
    events = (run.folder / "events" / "driver.jsonl").read_text()
    assert "1 rows longer than sequence_len 8 are cut" in events


def test_all_rows_that_are_bad_are_told(make_run: MakeRun) -> None:
    with pytest.raises(ProblemsFound) as error:
        staging.stage_data(make_run([row(0), {}, row(1), {}]))
    assert [problem.place for problem in error.value.problems] == ["data-0.jsonl:2", "data-0.jsonl:4"]


def test_samples_are_the_first_rows_as_text(make_run: MakeRun) -> None:
    run = make_run([row(0, "w5 w6"), row(1), row(2)], val_set_size=1, seed=3)
    staging.stage_data(run)
    [number] = held_out(run)
    found = samples(run)
    assert [item["split"] for item in found] == ["train", "train", "eval"]
    assert found[2] == {
        "split": "eval",
        "row": number + 1,
        "prompt": f"w{number}",
        "expected": "w5 w6" if number == 0 else f"w{number}",
        "input_ids": [number + 3],
    }


def test_there_are_only_so_many_samples(make_run: MakeRun) -> None:
    run = make_run([row(number % 40) for number in range(200)], val_set_size=100)
    staging.stage_data(run)
    assert [sum(item["split"] == split for item in samples(run)) for split in ("train", "eval")] == [64, 64]


def test_a_large_file_is_written_in_groups_without_losing_rows(make_run: MakeRun) -> None:
    run = make_run([row(number % 40) for number in range(2500)])
    assert staging.stage_data(run).train_rows == 2500
    assert trained(run) == [number % 40 for number in range(2500)]
    written = pq.ParquetFile(run.folder / "last_run_prepared" / "train.parquet").metadata
    assert [written.row_group(number).num_rows for number in range(written.num_row_groups)] == [1000, 1000, 500]


def test_the_same_rows_give_the_same_bytes(make_run: MakeRun, cache: Path) -> None:
    runs = [make_run([row(number) for number in range(20)], val_set_size=5) for _ in range(2)]
    contents = []
    for run in runs:
        staging.stage_data(run)
        folder = run.folder / "last_run_prepared"
        contents.append({item.name: item.read_bytes() for item in folder.iterdir()})
        for entry in (cache / "data").iterdir():
            entry.rename(cache / f"moved-{run.id}")
    assert set(contents[0]) == {
        *("train.parquet", "train-rows.parquet", "eval.parquet", "eval-rows.parquet"),
        *("samples.jsonl", "counts.json"),
    }
    assert contents[0] == contents[1]


def test_what_is_in_the_cache_is_not_tokenised_again(make_run: MakeRun, monkeypatch: pytest.MonkeyPatch) -> None:
    first, second = make_run([row(0)]), make_run([row(0)])
    staged = staging.stage_data(first)
    monkeypatch.setattr(staging, "build", lambda *arguments: pytest.fail("built again"))
    assert staging.stage_data(second) == staged
    assert trained(second) == [0]


def test_what_is_damaged_in_a_run_harms_no_other(make_run: MakeRun) -> None:
    first, second = make_run([row(0)]), make_run([row(0)])
    for run in (first, second):
        staging.stage_data(run)
    with (first.folder / "last_run_prepared" / "train.parquet").open("r+b") as stream:
        stream.truncate(50)
    assert trained(second) == [0]
    staging.stage_data(first)
    assert trained(first) == [0]


@pytest.mark.parametrize(
    "keys",
    [
        {"sequence_len": 100},
        {"val_set_size": 1},
        {"train_on_inputs": True},
        {"seed": 1},
        {"limits": {"max_truncated": 0.1}},
        {"kind": {"no_input_format": "{instruction}"}},
    ],
)
def test_whatever_decides_the_tokens_decides_the_entry(make_run: MakeRun, keys: dict[str, Any]) -> None:
    rows = [row(0), row(1)]
    assert staging.stage_data(make_run(rows)).digest != staging.stage_data(make_run(rows, **keys)).digest


def test_other_rows_or_another_tokenizer_are_another_entry(make_run: MakeRun, cache: Path) -> None:
    digests = [staging.stage_data(make_run(rows)).digest for rows in ([row(0)], [row(1)], [row(0), row(1)])]
    path = cache / "tokenizer" / "tokenizer_config.json"
    path.write_text(path.read_text().replace("</s>", "?"))
    digests.append(staging.stage_data(make_run([row(0)])).digest)
    assert len(set(digests)) == 4


def test_a_row_that_has_become_bad_is_told_with_its_line(make_run: MakeRun, cache: Path) -> None:
    with pytest.raises(ProblemsFound, match=r"data-0\.jsonl:2: the field `output` is missing"):
        staging.stage_data(make_run([row(0), {"instruction": "w1"}]))
    assert list((cache / "data").iterdir()) == []
