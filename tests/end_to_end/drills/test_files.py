"""Data, configs and folders that are not where or what they should be."""

import os

import pytest

TO_FILE = "give its path from here or from the config's folder, or `--data FILE`"

CASES = {
    "absent": ("absent.jsonl", "there is no data file absent.jsonl", TO_FILE),
    "an empty folder": ("empty", "empty holds no data file", "the endings known: .jsonl"),
    "a folder of other things": ("other", "other holds no data file", "the endings known: .jsonl"),
    "a folder of several kinds": (
        "several",
        "several holds files of several kinds: csv, json",
        "name one as `ds_type`",
    ),
    "a pattern that fits nothing": ("'*.csv'", "there is no data file *.csv", TO_FILE),
    "a device": ("/dev/null", "/dev/null is no plain file", "write the rows to one first"),
    "an address": ("https://example.org/d.jsonl", "https://example.org/d.jsonl is an address", "download it"),
    "a bucket": ("s3://bucket/d.jsonl", "s3://bucket/d.jsonl is an address", "download it"),
    "the home of nobody": ("~nobody-here/d.jsonl", "there is no data file ~nobody-here/d.jsonl", TO_FILE),
    "a name that is too long": ("d" * 300 + ".jsonl", "there is no data file ddd", TO_FILE),
    "a sheet": ("rows.xlsx", "the name rows.xlsx does not tell how the file is read", "say it: `ds_type: json`"),
    "no ending": ("rows", "the name rows does not tell how the file is read", "say it: `ds_type: json`"),
    "a file of a folder": ("several\n    data_files: x.jsonl", "several holds no file x.jsonl", "correct data_files"),
}


@pytest.mark.parametrize("case", CASES)
def test_data_that_are_not_there_are_told(drill, config: str, rows: str, case: str) -> None:
    path, says, remedy = CASES[case]
    drill.write({"empty": None, "other/x.md": "x", "several/a.csv": "x", "several/b.jsonl": rows})
    drill.write({"rows.xlsx": "PK", "rows": rows, "c.yml": config.replace("data.jsonl", path, 1)})
    drill.refused("run", "c.yml", says=f"c.yml:3: {says}", remedy=remedy)


@pytest.mark.parametrize(
    ("arguments", "says"),
    [
        (["--data", "no.jsonl"], "--data no.jsonl: there is no data file no.jsonl"),
        (["--data", "/dev/null"], "--data /dev/null: /dev/null is no plain file"),
        (["--set", "datasets.0.split=train[:x]"], "--set datasets.0.split: `datasets[0].split` is 'train[:x]'"),
        (
            ["--set", "datasets.0.split=train[90:]"],
            "data.jsonl: has no rows in train[90:]; choose another part as `split`",
        ),
        (["--set", "datasets.0.ds_type=xml"], "--set datasets.0.ds_type: `datasets[0].ds_type` is 'xml'"),
        (["--set", "datasets.0.ds_type=parquet"], "--set datasets.0.ds_type: `ds_type` is parquet, but the name"),
        (["--set", "test_datasets=[{path: no.jsonl}]"], "--set test_datasets: there is no data file no.jsonl"),
        (["--set", "chat_template=chatmll"], "--set chat_template: there is no chat template 'chatmll'"),
    ],
)
def test_what_the_command_line_names_wrongly_is_told_as_the_place(drill, arguments: list[str], says: str) -> None:
    drill.refused("run", "c.yml", *arguments, says=says)


@pytest.mark.parametrize("arguments", [["run", ""], ["validate", ""], ["run", "c.yml", "--data", ""]])
def test_a_path_that_an_unset_variable_left_empty_is_refused(drill, arguments: list[str]) -> None:
    code, output, errors = drill.type_in(tuple(arguments))
    assert (code, output) == (2, "")
    assert "the path is empty; is a variable of the shell unset?" in errors.splitlines()[-1]


@pytest.mark.parametrize("arguments", [["run", "../c.yml"], ["runs"], ["show"]])
def test_a_current_folder_that_was_removed_is_told(drill, arguments: list[str]) -> None:
    (drill.folder / "gone").mkdir()
    os.chdir(drill.folder / "gone")
    (drill.folder / "gone").rmdir()
    code, _, errors = drill.type_in(tuple(arguments))
    os.chdir(drill.folder)
    assert (code, errors) == (1, "error: the current folder was removed meanwhile\n  `cd` to another one\n")
