"""The bounds that the figures should keep; a missed bound is printed, but no command fails because of it."""

from __future__ import annotations

from typing import Any

from common.markdown import table

MASK_SHARE = 0.60  # share of the matrix product's speed: mask core, size M, float16, whose products are float32
WAVEFORM_MS = 0.30  # p50 of a step, scaled to 100 GFLOP/s: waveform graph, size M, dynamic_int8
TAIL = 2.0  # p99 relative to p50: every file
TIMES_REAL_TIME = 80.0  # speed of `keras-sep separate` on a song of 4 minutes


def bounds(figures: dict[str, Any]) -> list[dict[str, Any]]:
    """Compares the figures of `measure_files` with the bounds.

    Returns:
        One dict a bound: what (the figure), bound (as text), measured and met; both None if it was not measured.
    """
    rows = figures["files"]
    share = next((row["share_of_sgemm"] for row in rows if _is(row, "mask", "float16")), None)
    p50 = next((row["p50_ms"] for row in rows if _is(row, "waveform", "dynamic_int8")), None)
    scaled = None if p50 is None else p50 * figures["sgemm_gflops"] / 100
    tail, worst = max(((row["p99_ms"] / row["p50_ms"], row["label"]) for row in rows), default=(None, ""))
    speed = 1 / figures["separate"]["real_time_factor"] if figures.get("separate") else None
    return [
        _bound(
            "mask core, M, float16: share of the matrix product", f"≥ {100 * MASK_SHARE:.0f} %", share, MASK_SHARE, 1
        ),
        _bound(
            "waveform, M, dynamic_int8: p50 scaled to 100 GFLOP/s", f"≤ {WAVEFORM_MS:.2f} ms", scaled, WAVEFORM_MS, -1
        ),
        _bound(f"p99 of every file; worst: {worst}", f"≤ {TAIL:g} × p50", tail, TAIL, -1),
        _bound(
            "`keras-sep separate`, 4-minute song", f"≥ {TIMES_REAL_TIME:.0f} × real time", speed, TIMES_REAL_TIME, 1
        ),
    ]


def _is(row: dict[str, Any], graph: str, precision: str) -> bool:
    kind = (row["size"], row["graph"], row["precision"], row["format"])
    return kind == ("m", graph, precision, "tflite")


def _bound(what: str, bound: str, measured: float | None, limit: float, sign: int) -> dict[str, Any]:
    """Builds the dict of one bound; `sign` is 1 where more is better, −1 where less is."""
    met = None if measured is None else sign * measured >= sign * limit
    return {"what": what, "bound": bound, "measured": measured, "met": met}


def bounds_table(rows: list[dict[str, Any]]) -> str:
    """Formats a Markdown table, one row a bound."""
    return table(["bound", "expected", "measured", ""], [[row["what"], row["bound"], *_verdict(row)] for row in rows])


def _verdict(row: dict[str, Any]) -> tuple[str, str]:
    value, unit = row["measured"], row["bound"].split(" ", 2)[2]
    if value is None:
        return "–", "not measured"
    measured = f"{100 * value:.0f} %" if unit == "%" else f"{value:.{0 if value > 10 else 2}f} {unit}"
    return measured, "met" if row["met"] else "not met"
