"""The files that a run was made with: without them no stage could be done again."""

from collections.abc import Mapping
from typing import TYPE_CHECKING

from ftk.data.sources import data_sets
from ftk.errors import UsageError
from ftk.runs.whole import first_damaged, told_of

if TYPE_CHECKING:
    from ftk.runs.run import Run


PUT_BACK = "the run was made with it: put it back"
"""What to do about a file that is gone."""


def refuse_missing(run: "Run", sizes: Mapping[str, int]) -> None:
    """Stop where a file is gone that the run was made with.

    :param sizes: the files of the adapter to go on from, as the training has noted them; see `ftk.runs.whole`.
    :raises UsageError: naming it.
    """
    if missing := _missing_data(run) or _missing_adapter(run, sizes):
        raise UsageError(missing, PUT_BACK)


def _missing_data(run: "Run") -> str | None:
    for item in data_sets(run.config):
        if item.is_on_hub(run.folder):
            continue
        if not item.is_local(run.folder):
            return told_of(run.folder / item.path)
        try:
            item.files(run.folder)
        except UsageError as error:
            return error.message  # of several files, one
    return None


def _missing_adapter(run: "Run", sizes: Mapping[str, int]) -> str | None:
    adapter = run.given_adapter()
    if adapter is None:
        return None
    missing = first_damaged(run.folder, sizes, adapter.name) if adapter.is_dir() else adapter
    return told_of(missing) if missing else None
