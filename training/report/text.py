"""The spelling of numbers, times and names."""

from __future__ import annotations

import html

from training.evaluation.conditions import LABELS

ONLINE = {True: "online", False: "whole song at once", None: ""}


def escape(text: object) -> str:
    """Escapes text for HTML, in elements and attribute values."""
    return html.escape(str(text), quote=True)


def clock(seconds: float) -> str:
    """Formats a time in minutes and seconds, such as 2:03."""
    return f"{int(seconds) // 60}:{int(seconds) % 60:02d}"


def condition(name: str) -> str:
    return LABELS.get(name, name)


def count(number: int, one: str) -> str:
    return f"{number} {one}{'s' * (number != 1)}"
