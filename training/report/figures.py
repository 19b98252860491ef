"""The box plots and curves, drawn as HTML and SVG.

Positions are percentages and only lines are SVG, so that a figure fits any width while its text keeps its size. Colours
are classes: `m3` is the third method's colour, in light and dark mode.
"""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from common.markdown import decibels
from training.report.load import TARGETS, Report, Row
from training.report.stats import Box, box, smooth, smoothing_window, stretches, ticks, time_ticks
from training.report.text import clock, count, escape

Array = npt.NDArray[np.float64]
WIDE, HEIGHT = 1000, 200  # of a drawing, in units of its viewBox


def box_plots(report: Report) -> str:
    """Draws box plots of the SDR of all songs' voice-active frames, by method; "" if there are none."""
    values: dict[str, dict[str, list[Array]]] = {}
    for row in report.methods:
        for song in row.songs:
            for target, sdr in row.active_frames(song).items():
                values.setdefault(target, {}).setdefault(row.id, []).append(sdr)
    figures = []
    for target, title in TARGETS.items():
        boxes = {row: box(np.concatenate(values.get(target, {}).get(row.id, [np.zeros(0)]))) for row in report.methods}
        drawn = {row: value for row, value in boxes.items() if value}
        if drawn:
            figures.append(_box_figure(title, drawn))
    return f'<div class="pair">{"".join(figures)}</div>' if figures else ""


def _box_figure(title: str, boxes: dict[Row, Box]) -> str:
    low, high = min(b.low for b in boxes.values()), max(b.high for b in boxes.values())
    margin = 0.04 * max(high - low, 1)
    low, high = low - margin, high + margin
    marks = ticks(low, high)

    def at(value: float) -> str:
        return f"{100 * (value - low) / (high - low):.2f}%"

    grid = "".join(f'<i class="g{" zero" if mark == 0 else ""}" style="left:{at(mark)}"></i>' for mark in marks)
    axis = "".join(f'<span style="left:{at(mark)}">{decibels(mark, 0)}</span>' for mark in marks)
    lines = []
    for row, b in boxes.items():
        spoken = (
            f"{row.label}, {title} SDR: median {decibels(b.median, 1)} dB, middle half {decibels(b.quarter, 1)} to "
            f"{decibels(b.three_quarters, 1)}, 5th to 95th percentile {decibels(b.low, 1)} to {decibels(b.high, 1)}, "
            f"mean {decibels(b.mean, 1)}, {count(b.frames, 'frame')}"
        )
        lines.append(
            f'<div class="name">{swatch(row)}{escape(row.label)}</div>'
            f'<div class="strip m{row.colour}" role="img" aria-label="{escape(spoken)}">{grid}'
            f'<i class="whisker" style="left:{at(b.low)};right:calc(100% - {at(b.high)})"></i>'
            f'<i class="box" style="left:{at(b.quarter)};right:calc(100% - {at(b.three_quarters)})"></i>'
            f'<i class="median" style="left:{at(b.median)}"></i><i class="mean" style="left:{at(b.mean)}"></i></div>'
            f'<div class="value" aria-hidden="true">{decibels(b.median, 1)}</div>'
        )
    return (
        f'<figure class="boxes"><figcaption>{title}, SDR in dB</figcaption><div class="boxgrid">{"".join(lines)}'
        f'<div class="axis" aria-hidden="true">{axis}</div></div></figure>'
    )


def legend(report: Report) -> str:
    """Draws the names of the methods with their colours; unticking a name hides its curves, without a script."""
    return "".join(
        f'<label><input type="checkbox" checked id="show-{row.id}">{swatch(row)}'
        f"<span>{escape(row.label)}</span></label>"
        for row in report.methods
    )


def legend_style(report: Report) -> str:
    """Returns the CSS that hides the curves whose box is not ticked."""
    return "".join(f"body:has(#show-{row.id}:not(:checked)) .c-{row.id}{{display:none}}" for row in report.methods)


def song_curves(report: Report, song: str) -> str:
    """Draws the SDR along a song, vocals above accompaniment; "" if no method has frames of it."""
    frames = {row: row.frames(song) for row in report.methods}
    scores = [row.details[song] for row in report.methods if song in row.details]
    active = max((score.active for score in scores), key=len, default=())
    figures = []
    for target, title in TARGETS.items():
        curves = {row: sdr[target] for row, sdr in frames.items() if np.isfinite(sdr.get(target, np.zeros(0))).any()}
        if curves:
            figures.append(_curve_figure(song, title, curves, active))
    return "".join(figures)


def _curve_figure(song: str, title: str, curves: dict[Row, Array], active: tuple[bool, ...]) -> str:
    length = max(len(sdr) for sdr in curves.values())
    window = smoothing_window(length)
    smoothed = {row: smooth(sdr, window) for row, sdr in curves.items()}
    low, high = _limits(list(smoothed.values()), active)
    marks = ticks(low, high, 5)

    def y(value: float) -> float:
        return HEIGHT * (high - value) / (high - low)

    x = WIDE / length
    shade = "".join(
        f'<rect class="voice" x="{a * x:.1f}" width="{(min(b, length) - a) * x:.1f}" y="0" height="{HEIGHT}"/>'
        for a, b in stretches(active)
        if a < length
    )
    grid = "".join(f'<path class="{"zero" if mark == 0 else "g"}" d="M0 {y(mark):.1f}H{WIDE}"/>' for mark in marks)
    # Models are drawn last, so that they cover the references.
    order = sorted(smoothed, key=lambda row: row.group == "Models")
    paths = "".join(
        f'<path class="curve {row.group.lower()} m{row.colour} d{row.dash} c-{row.id}" '
        f'd="{_path(smoothed[row], x, y)}"/>'
        for row in order
    )
    medians = "; ".join(f"{row.label} {decibels(float(np.nanmedian(sdr)), 1)} dB" for row, sdr in curves.items())
    spoken = f"{title} SDR along {song}; median over its frames: {medians}"
    labels = "".join(f'<span style="top:{100 * y(m) / HEIGHT:.2f}%">{decibels(m, 0)}</span>' for m in marks)
    clocks = "".join(f'<span style="left:{100 * t / length:.2f}%">{clock(t)}</span>' for t in time_ticks(length))
    smoothing = f"running median of {window} s" if window > 1 else "each frame of 1 s"
    return (
        f'<figure class="curves"><figcaption>{title}, SDR in dB <small>{smoothing}</small></figcaption>'
        f'<div class="plot" role="img" aria-label="{escape(spoken)}">'
        f'<div class="yaxis" aria-hidden="true">{labels}</div>'
        f'<svg viewBox="0 0 {WIDE} {HEIGHT}" preserveAspectRatio="none" aria-hidden="true">{shade}{grid}{paths}</svg>'
        f'<div class="xaxis" aria-hidden="true">{clocks}</div></div></figure>'
    )


def _limits(curves: list[Array], active: tuple[bool, ...]) -> tuple[float, float]:
    """Returns the range of the axis, that of the frames with voice; pauses, which may reach −40 dB, are cut off."""
    mask = np.array(active, bool)
    inside = [sdr[: len(mask)][mask[: len(sdr)]] for sdr in curves] if mask.any() else curves
    values = np.concatenate(inside)
    values = values[np.isfinite(values)]
    if not len(values):
        values = np.concatenate(curves)[np.isfinite(np.concatenate(curves))]
    low, high = np.percentile(values, [1, 99])
    margin = 0.06 * max(high - low, 2)
    return float(low - margin), float(high + margin)


def _path(values: Array, x: float, y) -> str:
    """Draws an SVG path through the middles of the frames, with gaps where there is no value."""
    step = max(1, len(values) // 240)  # the curve is smooth, so more points would not be visible
    parts, pen = [], "M"
    for t in range(0, len(values), step):
        if not np.isfinite(values[t]):
            pen = "M"
            continue
        # Clipped far outside of the axis, where it is not visible.
        height = float(np.clip(y(values[t]), -HEIGHT, 2 * HEIGHT))
        parts.append(f"{pen}{(t + 0.5) * x:.1f} {height:.1f}" + ("h0" if pen == "M" else ""))
        pen = "L"
    return "".join(parts)


def swatch(row: Row) -> str:
    return f'<i class="swatch m{row.colour} d{row.dash} {row.group.lower()}"></i>'
