"""Find a role of `roles_to_train` that is written wrong, so that its messages would not be trained."""

from collections.abc import Iterable, Mapping
from difflib import get_close_matches
from typing import Any

from ftk.plugin import RowError
from ftk_formats.conversation import MORE_ROLES, ROLES, Reader


def misspelt_role(rows: Iterable[Mapping[str, Any]], options: Mapping[str, Any]) -> tuple[int, str] | None:
    """The number of a name that no row has and that looks like a role, and that role.

    Rows may have roles that nobody knows; so they are looked at for a name that is not known.

    :param rows: all rows of the data set; those without good messages are passed over.
    :param options: of the format.
    """
    reader = Reader(options)
    names = [reader.roles.get(name, name) for name in options["roles_to_train"]]
    known = {*reader.roles.values(), *ROLES.values(), *MORE_ROLES}
    missing = set(names) - known
    found: set[str] = set()
    for row in rows if missing else ():
        found |= _roles(reader, row)
        if missing <= found:
            return None
    roles = sorted(known | reader.roles.keys())
    near = {name: get_close_matches(name.lower(), roles, n=1) for name in missing - found}
    return next(((number, near[name][0]) for number, name in enumerate(names) if near.get(name)), None)


def _roles(reader: Reader, row: Mapping[str, Any]) -> set[str]:
    try:
        return {turn.role for turn in reader.turns(row)}
    except RowError:
        return set()
