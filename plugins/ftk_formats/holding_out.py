"""How many rows `val_set_size` takes away from those to train on, to evaluate on them."""

import math

from ftk.plugin import FtkError


def number_held_out(size: float, rows: int) -> int:
    """How many rows are held out.

    :param size: their share when below 1, of which at least one row comes, else their number.
    :param rows: how many there are.
    :raises FtkError: when there are too few, or the number is none.
    """
    if size > 1 and size != int(size):
        message = f"val_set_size {size:g} is neither a share nor a number of rows"
        raise FtkError(message, "write a share below 1, or a whole number")
    # Rounded first, since 0.1 * 30 is a little more than 3.
    number = math.ceil(round(rows * size, 6)) if size < 1 else int(size)
    if size and number >= rows:
        raise FtkError(f"val_set_size {size:g} holds out all {rows} rows", "lower it; a value below 1 is a share")
    return number
