"""Tokenise the rows of all data sets once and keep them in the cache, with a copy in the run."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from ftk.plugin import Artifact, DataSet, DatasetFormat, Run, StagedData, data_sets, files, tokenizer_digest
from ftk_formats import hub_data
from ftk_formats.building import COUNTS_FILE, build
from ftk_formats.source import Source, make_source
from ftk_formats.writing import Split

REVISION = 3
"""Raised when the same rows would give other tokens or files."""

KEYS = (
    *("sequence_len", "excess_length_strategy", "min_sample_len", "dataset_exact_deduplication"),
    *("val_set_size", "train_on_inputs", "seed"),
)
"""The config keys that decide the tokens, beside the data sets and the tokenizer."""


def stage_data(run: Run) -> StagedData:
    """Tokenise what is not in the cache yet, and copy it into the run."""
    tokenizer = run.path(run.tokenizer())
    sources = {Split.TRAIN: _sources(run, "datasets"), Split.EVAL: _sources(run, "test_datasets")}
    inputs = _inputs(run, sources, tokenizer)
    entry = run.cached("data", inputs, lambda folder: build(run, sources, tokenizer, run.path(folder)))
    _copy(run, entry)
    counts = files.read_json(run.path(entry / COUNTS_FILE))
    staged = StagedData(run.prepared_folder, digest=files.sha256_of(inputs), **counts)
    _tell(run, staged)
    return staged


def _sources(run: Run, key: str) -> list[Source]:
    formats = run.dataset_formats()
    return [_source(run, item, formats) for item in data_sets(run.config) if item.key == key]


def _source(run: Run, item: DataSet, formats: Mapping[str, DatasetFormat]) -> Source:
    if item.is_local(run.folder):
        return make_source(item, item.files(run.folder), run.folder, run.config, formats)
    folder, found = hub_data.fetch(run, item)
    return make_source(item, found, folder, run.config, formats)


def _inputs(run: Run, sources: Mapping[Split, Sequence[Source]], tokenizer: Path) -> dict[str, Any]:
    """Everything that decides the tokens; the names of the files do not."""
    return {
        "revision": REVISION,
        "tokenizer": tokenizer_digest(tokenizer),
        "sources": {split: [_identity(item) for item in items] for split, items in sources.items()},
        "config": {key: run.config[key] for key in KEYS},
        "limits": {key: value for key, value in run.config.ftk["data"].items() if key != "max_problems"},
    }


def _identity(source: Source) -> list[Any]:
    contents = [[files.sha256(file.path), file.kind] for file in source.files]
    return [contents, source.part, source.form.name, source.form.revision, dict(source.options)]


def _copy(run: Run, entry: Artifact) -> None:
    """Put the rows into the run, as files of its own: a second name would let one run's accident reach all others."""
    with files.new_folder(run.path(run.prepared_folder)) as folder:
        for item in run.path(entry).iterdir():
            files.copy_file(item, folder / item.name)


def _tell(run: Run, staged: StagedData) -> None:
    """Tell of the rows that are not trained as they are."""
    longest, shortest = run.config["sequence_len"], run.config["min_sample_len"]
    how = "cut" if run.config["excess_length_strategy"] == "truncate" else "left out"
    if staged.truncated_rows:
        run.notice(f"{staged.truncated_rows} rows longer than sequence_len {longest} are {how}")
    if staged.short_rows:
        run.notice(f"{staged.short_rows} rows shorter than min_sample_len {shortest} are left out")
    if staged.duplicate_rows:
        run.notice(f"{staged.duplicate_rows} rows that are there already are left out")
