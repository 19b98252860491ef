"""The figures as Markdown, and where a document keeps them."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from common.files import written_beside

QUIET = 0.9  # of the fastest product, that the median one reaches where nobody else is at work
BEGIN, END = "<!-- benchmark: begin -->", "<!-- benchmark: end -->"
BROWSER_BEGIN, BROWSER_END = "<!-- browser: begin -->", "<!-- browser: end -->"


def reference_line(figures: dict[str, Any]) -> str:
    """What the machine could do, and whether it could do it undisturbed."""
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
    """One row a file, and what its columns mean."""
    lines = [
        "| file, one thread | MB | load ms | RSS MB | p50 ms | p99 ms | worst ms | RTF | GFLOP/s | of sgemm peak "
        "| V SDR | A SDR |",
        "|---|" + "---:|" * 11,
    ]
    for row in figures["files"]:
        share = row["share_of_sgemm"]
        cells = [
            row["label"],
            _number(row["bytes"] / 1e6, 2),
            _number(row["load_ms"], 1),
            _number(row["rss_mb"], 1),
            *(_number(row[key], 3) for key in ("p50_ms", "p99_ms", "worst_ms", "rtf")),
            _number(row["gflops"], 1),
            "–" if share is None else f"{100 * share:.0f} %",
            *(_number(row["sdr_db"].get(source), 2) for source in ("vocals", "accompaniment")),
        ]
        lines.append(f"| {' | '.join(cells)} |")
    notes = (
        "RTF: p50 in the time of the audio it covers. RSS: added by loading and running one file. GFLOP/s: "
        "convolutions and matrix products of the network alone; a waveform step also does its Fourier transforms in "
        "that time, a mask step leaves them to the caller. SDR: dB against the true stems, of the file as it streams."
    )
    if any(row["random"] for row in figures["files"]):
        notes += " random: untrained weights, for the cost alone."
    return "\n".join(lines) + f"\n\n{notes}"


def stream_table(rows: list[dict[str, Any]]) -> str:
    """Cost of a second of audio, each in its own format."""
    lines = [
        "| stream, one thread | format | samples/s | step ms of audio | p50 ms | ms of a core per s of audio |",
        "|---|---|---:|---:|---:|---:|",
    ]
    for row in rows:
        channels = {1: "mono", 2: "stereo"}.get(row["num_channels"], f"{row['num_channels']} channels")
        cells = [
            row["label"],
            f"{row['sample_rate'] / 1000:g} kHz {channels}",
            str(row["sample_rate"] * row["num_channels"]),
            _number(1000 * row["block"] / row["sample_rate"], 2),
            _number(row["p50_ms"], 3),
            _number(row["ms_per_second"], 1),
        ]
        lines.append(f"| {' | '.join(cells)} |")
    notes = (
        "Fourier transforms and overlap-add are in it: NumPy's, or the waveform graph's own. The peers clean speech, "
        "another task, in another format: read the samples/s too."
    )
    return "\n".join(lines) + f"\n\n{notes}"


def _number(value: float | None, digits: int) -> str:
    return "–" if value is None else f"{value:.{digits}f}".replace("-", "−")


def require_markers(path: Path, begin: str = BEGIN, end: str = END) -> None:
    """Raises ValueError if there is no one place in a document for the tables."""
    text = path.read_text(encoding="utf-8")
    begins, ends = text.count(begin), text.count(end)
    if (begins, ends) != (1, 1) or text.index(begin) > text.index(end):
        raise ValueError(f"{path}: expected one {begin} and one {end} after it. Received: {begins} and {ends}")


def write_between_markers(path: Path, text: str, begin: str = BEGIN, end: str = END) -> None:
    """Replaces what stands between the markers; the rest stays byte for byte."""
    require_markers(path, begin, end)
    content = path.read_bytes().decode()  # line ends as they are
    before, rest = content.split(begin)
    after = rest.split(end)[1]
    with written_beside(path.resolve()) as part:
        part.write_bytes(f"{before}{begin}\n\n{text}\n\n{end}{after}".encode())
