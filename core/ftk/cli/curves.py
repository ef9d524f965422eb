"""Draw curves in plain text: lines of Braille dots, two by four in a character."""

from collections.abc import Iterator, Mapping, Sequence

from ftk.runs.course import Points

BLANK = 0x2800
"""The Braille pattern without a dot (Unicode's block "Braille Patterns")."""

DOTS = ((0x01, 0x02, 0x04, 0x40), (0x08, 0x10, 0x20, 0x80))
"""The bit of each dot of a character, by column and row."""

MARK = "o"
"""Drawn at the points of all curves but the first, which is a line."""

MARGIN = 10
"""Characters that the scale takes at the left."""


class Canvas:
    """Dots and marks on a grid of characters.

    :param xs: the smallest and the largest step.
    :param ys: the smallest and the largest value.
    """

    def __init__(self, width: int, height: int, xs: tuple[float, float], ys: tuple[float, float]) -> None:
        self.width, self.height = width, height
        self._xs, self._ys = xs, ys
        self._cells = [[BLANK] * width for _ in range(height)]
        self._marks: set[tuple[int, int]] = set()

    def line(self, points: Points) -> None:
        """Draw a line through the points."""
        dots = [self._dot(*point) for point in points]
        for (x, y), (next_x, next_y) in zip(dots, dots[1:] or dots, strict=False):
            count = max(abs(next_x - x), abs(next_y - y), 1)
            for step in range(count + 1):
                self._set(x + round((next_x - x) * step / count), y + round((next_y - y) * step / count))

    def mark(self, points: Points) -> None:
        """Draw a mark at each point."""
        for point in points:
            x, y = self._dot(*point)
            self._marks.add((x // 2, y // 4))

    def _dot(self, step: float, value: float) -> tuple[int, int]:
        x = _share(step, *self._xs) * (2 * self.width - 1)
        y = (1 - _share(value, *self._ys)) * (4 * self.height - 1)
        return round(x), round(y)

    def _set(self, x: int, y: int) -> None:
        self._cells[y // 4][x // 2] |= DOTS[x % 2][y % 4]

    def rows(self) -> Iterator[str]:
        """The lines of text, from the top."""
        for y, row in enumerate(self._cells):
            yield "".join(MARK if (x, y) in self._marks else chr(cell) for x, cell in enumerate(row))


def _share(value: float, low: float, high: float) -> float:
    return (value - low) / (high - low) if high > low else 0.5


def draw(curves: Mapping[str, Points], width: int, height: int) -> Iterator[str]:
    """The lines of a diagram of curves that share a scale: the first is a line, the others are marks.

    :param curves: by their names in the legend; at least one, none of them empty.
    :param width: of the whole, in characters.
    :param height: of the curves alone, in lines.
    """
    points = [point for curve in curves.values() for point in curve]
    steps, values = [step for step, _ in points], [value for _, value in points]
    canvas = Canvas(max(width - MARGIN, 10), height, (min(steps), max(steps)), (min(values), max(values)))
    first, *others = curves.values()
    canvas.line(first)
    for curve in others:
        canvas.mark(curve)
    rows = [row.replace(chr(BLANK), " ").rstrip() for row in canvas.rows()]
    scale = {0: max(values), height - 1: min(values)}
    for number, row in enumerate(rows):
        label, edge = (f"{scale[number]:.4g}", "┤") if number in scale else ("", "│")
        yield f"{label:>{MARGIN - 2}} {edge}{row}"
    yield from _footer(list(curves), canvas.width, min(steps), max(steps))


def _footer(names: Sequence[str], width: int, first: int, last: int) -> Iterator[str]:
    yield f"{'':>{MARGIN - 1}}└{'─' * width}"
    yield f"{'':>{MARGIN}}{first}{last:>{width - len(str(first))}}"
    legend = [f"⠤ {names[0]}", *(f"{MARK} {name}" for name in names[1:])]
    yield f"{'':>{MARGIN}}{'   '.join(legend)}"
