"""Markdown tables, and decibels as people write them."""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence


def table(heads: Sequence[str], rows: Iterable[Sequence[object]]) -> str:
    """Formats a Markdown table from its heads and rows.

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
    """Formats decibels with a true minus sign; an en dash stands for None, NaN and infinity.

    Example:

    >>> decibels(-3.2), decibels(3, sign=True), decibels(None)
    ('−3.20', '+3.00', '–')
    """
    if value is None or not math.isfinite(value):
        return "–"
    text = f"{value:+.{digits}f}" if sign else f"{value:.{digits}f}"
    # A rounded zero has no sign: −0.00 would look like a loss.
    text = text.lstrip("+-") if not float(text) else text
    return text.replace("-", "−")
