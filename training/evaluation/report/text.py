"""How numbers, times and names are written."""

from __future__ import annotations

import html
import math

from training.evaluation.conditions import LABELS

ONLINE = {True: "online", False: "whole song at once", None: ""}


def escape(text: object) -> str:
    """Text and attribute values of HTML."""
    return html.escape(str(text), quote=True)


def decibels(value: float | None, digits: int = 2, sign: bool = False) -> str:
    """With a true minus sign; an en dash where there is no value."""
    if value is None or not math.isfinite(value):
        return "–"
    text = f"{value:+.{digits}f}" if sign else f"{value:.{digits}f}"
    # −0.00 would look like a loss.
    text = text.lstrip("+-") if not float(text) else text
    return text.replace("-", "−")


def clock(seconds: float) -> str:
    """Minutes and seconds, 2:03."""
    return f"{int(seconds) // 60}:{int(seconds) % 60:02d}"


def condition(name: str) -> str:
    return LABELS.get(name, name)


def count(number: int, one: str, many: str | None = None) -> str:
    return f"{number} {one if number == 1 else many or one + 's'}"
