from __future__ import annotations

import doctest

import pytest

from common import markdown
from common.markdown import decibels, table


def test_the_examples_hold():
    found = doctest.testmod(markdown)
    assert found.attempted >= 2
    assert found.failed == 0


def test_a_table_has_a_line_for_each_row():
    assert table(["a", "b"], ([i, None] for i in range(2))) == "| a | b |\n|---|---|\n| 0 | None |\n| 1 | None |"
    assert table(["a"], []) == "| a |\n|---|"


@pytest.mark.parametrize(
    ("value", "options", "text"),
    [
        (-0.5, {}, "−0.50"),
        (-0.004, {}, "0.00"),  # no loss
        (-0.004, {"sign": True}, "0.00"),
        (0.004, {"sign": True}, "0.00"),
        (1.25, {"digits": 1, "sign": True}, "+1.2"),
        (-12.0, {"digits": 0}, "−12"),
        (float("nan"), {}, "–"),
        (float("-inf"), {}, "–"),
        (None, {"sign": True}, "–"),
    ],
)
def test_numbers_are_as_people_read_them(value, options, text):
    assert decibels(value, **options) == text
