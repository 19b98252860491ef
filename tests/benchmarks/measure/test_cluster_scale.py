"""The limits of the command that conducts a cluster, on a few songs."""

from __future__ import annotations

import pytest

from benchmarks.measure.cluster_scale import measure_scale


@pytest.mark.slow("starts Ray")
def test_each_part_of_the_work_is_measured():
    _, _, *rows = ([cell.strip() for cell in line.strip("|").split("|")] for line in measure_scale(20, 2).splitlines())
    assert [row[:2] for row in rows] == [
        ["planned, of a list", "20"],
        ["written to the manifest", "20"],
        ["looked up in the manifest", "20"],
        ["handed out and taken back by Ray Data", "2"],
    ]
