"""Markdown tables of the cost of files, streams and `keras-sep separate`."""

from __future__ import annotations

import os
import statistics
from typing import Any

from common.markdown import decibels, table

QUIET = 0.9  # on an idle machine the median product reaches at least this share of the fastest one's speed


def reference_line(figures: dict[str, Any]) -> str:
    """Describes the reference, its speed and its range, and warns where the machine was busy with other work."""
    (low, high), peak, usual = figures["sgemm_range"], figures["sgemm_gflops"], figures["sgemm_usual_gflops"]
    line = (
        f"Reference, sgemm peak: {peak:.0f} GFLOP/s ({low:.0f} to {high:.0f}), the fastest product of float32 matrices "
        f"of 512 × 512 in a round, in one thread of {figures['machine']}."
    )
    if usual < QUIET * peak:
        line += (
            f" The machine was busy: the median product reached {usual:.0f}, so p99 and worst are the machine's, "
            "not the files', and the rest is an upper bound of the time."
        )
    return line


def file_table(figures: dict[str, Any]) -> str:
    """Formats the cost of each file, one row a file, and explains the columns."""
    heads = ["file, one thread", "MB", "load ms", "RSS MB", "p50 ms", "p99 ms", "worst ms", "RTF", "GFLOP/s"]
    heads += ["of sgemm peak", "V SDR", "A SDR"]
    rows = [
        [
            row["label"],
            number(row["bytes"] / 1e6, 2),
            number(row["load_ms"], 1),
            number(row["rss_mb"], 1),
            *(number(row[key], 3) for key in ("p50_ms", "p99_ms", "worst_ms", "rtf")),
            number(row["gflops"], 1),
            "–" if row["share_of_sgemm"] is None else f"{100 * row['share_of_sgemm']:.0f} %",
            *(decibels(row["sdr_db"].get(source)) for source in ("vocals", "accompaniment")),
        ]
        for row in figures["files"]
    ]
    notes = (
        "RTF: p50 in the time of the audio it covers. RSS: added by loading and running one file. GFLOP/s: "
        "convolutions and matrix products of the network alone; a waveform step also does its Fourier transforms in "
        "that time, a mask step leaves them to the caller. Of sgemm peak: relative to the float32 product above; 8-bit "
        "products are faster, so more than 100 % is possible. SDR: dB against the true stems, of the file as it "
        "streams."
    )
    if any(row["random"] for row in figures["files"]):
        notes += " random: untrained weights, for the cost alone."
    return f"{table(heads, rows)}\n\n{notes}"


def stream_table(rows: list[dict[str, Any]]) -> str:
    """Formats the cost of a second of audio for each stream, which has its own sample rate and channels."""
    heads = ["stream, one thread", "format", "samples/s", "step ms of audio", "p50 ms", "ms of a core per s of audio"]
    lines = [
        [
            row["label"],
            f"{row['sample_rate'] / 1000:g} kHz "
            + {1: "mono", 2: "stereo"}.get(row["num_channels"], f"{row['num_channels']} channels"),
            row["sample_rate"] * row["num_channels"],
            number(1000 * row["block"] / row["sample_rate"], 2),
            number(row["p50_ms"], 3),
            number(row["ms_per_second"], 1),
        ]
        for row in rows
    ]
    notes = (
        "Fourier transforms and overlap-add are in it: NumPy's, or the waveform graph's own. The peers clean speech, "
        "another task, in another format: read the samples/s too."
    )
    return f"{table(heads, lines)}\n\n{notes}"


def separate_table(figures: dict[str, Any]) -> str:
    """Formats time and memory of `keras-sep separate`, from the figures of `measure_separate`."""
    starts, speeds, minutes = figures["cold_starts_s"], figures["times_real_time"], figures["long_minutes"]
    album = figures["times_real_time_jobs"]
    rows = [
        [
            "cold start: a 1 s file, whole process",
            f"{figures['cold_start_s']:.2f} s",
            f"{starts[0]:.2f} to {starts[-1]:.2f}",
        ],
        [
            "4-minute song",
            f"{1 / figures['real_time_factor']:.0f} × real time",
            f"{speeds[0]:.0f} to {speeds[-1]:.0f}",
        ],
        [
            "4-minute songs, as many at once as cores",
            f"{statistics.median(album):.0f} × real time",
            f"{album[0]:.0f} to {album[-1]:.0f}",
        ],
        [f"{minutes}-minute song", f"{figures['times_real_time_long']:.0f} × real time", "one run"],
        ["peak memory, 1 minute", f"{figures['peak_mb_1_minute']:.0f} MB", ""],
        [f"peak memory, {minutes} minutes", f"{figures['peak_mb_long']:.0f} MB", "one run"],
    ]
    return table([f"`keras-sep separate`, {os.cpu_count()} cores", "median", "range"], rows)


def number(value: float | None, digits: int) -> str:
    """Formats a number with `digits` decimals; an en dash stands for None, not measured."""
    return "–" if value is None else f"{value:.{digits}f}"
