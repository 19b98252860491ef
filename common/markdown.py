"""Tables in Markdown, and numbers as people read them."""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence


def table(heads: Sequence[str], rows: Iterable[Sequence[object]]) -> str:
    """A Markdown table.

    Example:

    >>> print(table(["song", "dB"], [["one", "3.20"]]))
    | song | dB |
    |---|---|
    | one | 3.20 |
    """
    lines = [heads, *([str(cell) for cell in row] for row in rows)]
    head, *body = (f"| {' | '.join(line)} |" for line in lines)
    return "\n".join([head, "|" + "---|" * len(heads), *body])


def decibels(value: float | None, digits: int = 2, sign: bool = False) -> str:
    """With a true minus sign; an en dash where there is no value.

    Example:

    >>> decibels(-3.2), decibels(3, sign=True), decibels(None)
    ('−3.20', '+3.00', '–')
    """
    if value is None or not math.isfinite(value):
        return "–"
    text = f"{value:+.{digits}f}" if sign else f"{value:.{digits}f}"
    # −0.00 would look like a loss.
    text = text.lstrip("+-") if not float(text) else text
    return text.replace("-", "−")
