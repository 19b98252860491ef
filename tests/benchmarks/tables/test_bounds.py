"""Bounds stated with what was measured."""

from __future__ import annotations

import pytest

from benchmarks.tables.bounds import bounds, bounds_table
from tests.support.measured import figures, row


def test_bounds_are_said_with_what_was_measured():
    slow = row(label="slow", p99_ms=1.2)
    waveform = row(graph="waveform", precision="dynamic_int8", p50_ms=0.4)
    rows = bounds(
        figures(row(precision="float16"), slow, waveform, sgemm_gflops=60.0, separate={"real_time_factor": 1 / 79})
    )
    assert [r["met"] for r in rows] == [True, True, False, False]
    assert [r["measured"] for r in rows] == pytest.approx([0.8, 0.24, 2.4, 79])
    lines = bounds_table(rows).splitlines()[2:]
    assert [line.split("|")[2:5] for line in lines] == [
        [" ≥ 60 % ", " 80 % ", " met "],
        [" ≤ 0.30 ms ", " 0.24 ms ", " met "],
        [" ≤ 2 × p50 ", " 2.40 × p50 ", " not met "],
        [" ≥ 80 × real time ", " 79 × real time ", " not met "],
    ]
    assert "slow" in lines[2]


def test_what_was_not_measured_is_neither_met_nor_missed():
    rows = bounds(figures(row(size="s", precision="float16"), row(format="onnx")))
    assert [r["met"] for r in rows] == [None, None, True, None]
    assert bounds_table(rows).count("not measured") == 3
