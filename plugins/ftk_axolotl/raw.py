"""Data sets given to axolotl as they are, for types that only axolotl knows: `ftk: {stages: {stage_data: axolotl}}`."""

from collections.abc import Iterator, Mapping
from typing import Any

from ftk.plugin import (
    DATASETS,
    SAMPLES_FILE,
    TEST_DATASETS,
    Config,
    DatasetFormat,
    Problem,
    Run,
    Schema,
    StagedData,
    data_sets,
    entry_problems,
    files,
    template_problem,
)
from ftk_axolotl.keys import ALL

PROVIDER = "axolotl"

REMEDY = f"`--set ftk.stages.stage_data={PROVIDER}` has axolotl read the rows"

TEMPLATES = {*ALL["chat_template"]["anyOf"][0]["enum"]} - {"jinja"}
"""The chat templates that axolotl has by name."""

KEYS: Mapping[str, Schema] = {
    "datasets": DATASETS,
    "test_datasets": TEST_DATASETS,
    "sequence_len": {"type": ["integer", "null"], "minimum": 1},
    "val_set_size": {"type": ["number", "null"], "minimum": 0},
    "train_on_inputs": {"type": ["boolean", "null"]},
    "seed": {"type": ["integer", "null"]},
}
"""The keys of data that axolotl reads itself, then with its own defaults."""


def is_raw(config: Config) -> bool:
    """Whether axolotl reads the data sets themselves."""
    return config.provider("stage_data") == PROVIDER


def is_by_content(run: Run) -> bool:
    """Whether the data are known by their content, and not by a name of the hub, whose files may change."""
    return not is_raw(run.config) or all(item.is_local(run.folder) for item in data_sets(run.config))


def stage_raw(run: Run) -> StagedData:
    """Leave the rows to axolotl; what is known of them is their content."""
    run.notice(
        "the rows go to axolotl as they are: ftk neither checks nor counts them, and asks none of them at the end"
    )
    digest = files.sha256_of(
        {
            "datasets": [run.config["datasets"], run.config.get("test_datasets")],
            "files": [files.sha256(path) for path in run.data_files()],
        }
    )
    with files.new_folder(run.path(run.prepared_folder)) as folder:
        files.write_text(folder / SAMPLES_FILE, "")
    return StagedData(
        run.prepared_folder, digest, train_rows=0, eval_rows=0, tokens=0, trained_tokens=0, truncated_rows=0
    )


def find_raw_problems(config: Config, formats: Mapping[str, DatasetFormat]) -> Iterator[Problem]:
    """Say how a data set of a type that ftk does not know, or for a template that it does not, gets to axolotl."""
    if is_raw(config):
        return
    template = config.get("chat_template")
    if template in TEMPLATES and template_problem(template, None):
        message = f"the chat template {template!r} is known to axolotl alone"
        yield Problem(config.place(("chat_template",)), message, REMEDY)
    for number, entry in enumerate(config["datasets"]):
        place = ("datasets", number)
        if entry_problems(entry, config.get("rl"), formats, config.place, place):
            yield Problem(
                config.place((*place, "type")),
                "ftk cannot stage this data set",
                f"if it is one of axolotl's own types, {REMEDY}",
            )


def find_lost_rows(config: Config) -> Iterator[Problem]:
    """Rows that are left to axolotl, where another engine trains."""
    if is_raw(config):
        place = config.place(("ftk", "stages", "stage_data"))
        yield Problem(place, f"{config.provider('train')} cannot read rows that are left to axolotl", "remove it")


def raw_keys(config: Config) -> dict[str, Any]:
    """The keys of the data as axolotl reads them: the person's own, with paths in the run."""
    names = ("datasets", "test_datasets", "val_set_size")
    return {name: config.get(name) for name in names if config.get(name) is not None}
