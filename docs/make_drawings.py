"""Drawings of the networks, from a real forward pass, and of a stream in time: `python -m docs.make_drawings`.

The option `--mixture` also draws one training mixture, made of the example song.
"""

from __future__ import annotations

import argparse
import csv
from pathlib import Path
from typing import Any

from keras_sep.spec import StreamSpec
from keras_sep.store import example

IMAGES = Path(__file__).parent / "images"
CURVES = Path(__file__).parent / "results" / "curves"

FREQUENCY, TIME, MASK, DATA = "#d9e6f4", "#fbdcc0", "#dcefd8", "#f1f1f1"
STYLE = """<style>
text { font: 14px system-ui, sans-serif; fill: #1c2733; } .small { font-size: 12px; fill: #4a5866; }
.title { font-size: 16px; font-weight: 600; } rect { stroke: #5b6b7b; stroke-width: 1; }
.arrow { stroke: #5b6b7b; stroke-width: 1.5; fill: none; marker-end: url(#head); }
.dashed { stroke-dasharray: 5 4; }
</style><defs><marker id="head" viewBox="0 0 8 8" refX="7" refY="4" markerWidth="7" markerHeight="7" orient="auto">
<path d="M0 0 8 4 0 8z" fill="#5b6b7b" stroke="none"/></marker></defs>"""


class Drawing:
    """An SVG picture with boxes, arrows and text, readable on light and dark pages."""

    def __init__(self, width: int, height: int, title: str):
        self.parts = [
            f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {width} {height}" role="img" aria-label="{title}">',
            STYLE,
            f'<rect width="{width}" height="{height}" rx="8" fill="#ffffff" stroke="none"/>',
        ]

    def box(self, x: float, y: float, width: float, height: float, fill: str, *lines: str) -> None:
        """Draws a box around (x, y) with lines of text in it."""
        self.parts.append(
            f'<rect x="{x - width / 2:g}" y="{y - height / 2:g}" width="{width:g}" height="{height:g}" rx="5" '
            f'fill="{fill}"/>'
        )
        for i, line in enumerate(lines):
            self.text(x, y + 5 + 16 * (i - (len(lines) - 1) / 2), line, "small" if i else "")

    def text(self, x: float, y: float, text: str, kind: str = "", anchor: str = "middle") -> None:
        """Writes text at (x, y)."""
        style = f' class="{kind}"' if kind else ""
        self.parts.append(f'<text x="{x:g}" y="{y:g}" text-anchor="{anchor}"{style}>{text}</text>')

    def arrow(self, *points: tuple[float, float], kind: str = "") -> None:
        """Draws an arrow along points."""
        path = " ".join(f"{x:g},{y:g}" for x, y in points)
        self.parts.append(f'<polyline points="{path}" class="arrow {kind}"/>')

    def svg(self) -> str:
        """Returns the picture as text."""
        return "\n".join([*self.parts, "</svg>"]) + "\n"


def shapes(network: Any) -> dict[str, tuple[int, int]]:
    """Returns the output shape (positions, channels) of every layer with a name, from one frame through `masks`."""
    import numpy as np

    from keras_sep.models.recurrence import OneFrame

    found: dict[str, tuple[int, int]] = {}

    def watch(layer: Any) -> None:
        call = layer.call

        def watched(*args: Any, **kwargs: Any) -> Any:
            result = call(*args, **kwargs)
            shape = (result[0] if isinstance(result, list) else result).shape
            found[layer.name] = tuple(shape[1:])
            return result

        layer.call = watched

    for layer in network.layers:
        watch(layer)
    states = [np.zeros((1, size), "float32") for size in network.state_sizes]
    network.masks(np.zeros((1, network.spec.num_bins, network.spec.num_views), "float32"), OneFrame(states))
    return found


def draw_network(network: Any) -> str:
    """Draws an OR-U-Net or a BinMemoryUnet, frame by frame from the magnitude to the masks."""
    spec, found, depth = network.spec, shapes(network), len(network.down)
    memory_level = getattr(network.config, "memory_level", None)
    masks = len(spec.sources) * spec.num_channels
    left, middle, right, top, row = 190.0, 480.0, 770.0, 150.0, 66.0
    bottom = top + row * (depth + 1) + 6
    picture = Drawing(960, int(bottom + 70), f"{type(network).__name__}, one frame")
    picture.text(
        480,
        32,
        f"{type(network).__name__}, size m: one frame of {1000 * spec.frame_step / spec.sample_rate:.1f} ms",
        "title",
    )

    def size(shape: tuple[int, int]) -> str:
        return f"{shape[0]} × {shape[1]}"

    def width(positions: int) -> float:
        return 70 + 170 * (positions / found["bands"][0]) ** 0.5

    picture.box(left, 74, 250, 34, DATA, f"magnitude |X| {size((spec.num_bins, spec.num_views))}")
    encoder = [found["bands"], *(found[layer.name] for layer in network.down)]
    decoder = [*(found[layer.name] for layer in network.up)][::-1]
    decoder.append((encoder[-1][0], network.config.expand_channels))
    note = "bands, fourth root" + (", divided by the loudness" if memory_level else "")
    picture.arrow((left, 91), (left, top - 17))
    picture.text(left + 8, 116, note, "small", "start")
    for level, (shape, mirrored) in enumerate(zip(encoder, decoder, strict=True)):
        y = top + row * level
        here, there = left + width(shape[0]) / 2, right - width(mirrored[0]) / 2
        picture.box(left, y, width(shape[0]), 34, FREQUENCY, size(shape))
        picture.box(right, y, width(mirrored[0]), 34, FREQUENCY, size(mirrored))
        if level == memory_level:
            units, beyond = network.config.memory_units, right + 140
            picture.arrow((here, y), (middle - 60, y), kind="dashed")
            picture.box(middle, y, 120, 38, TIME, "memory", f"{shape[0]} × {units} units")
            picture.arrow((middle + 60, y), (there, y), kind="dashed")
            # The decoder's stands between this level and the one above it.
            picture.arrow((right + width(mirrored[0]) / 2, y), (beyond - 45, y))
            picture.box(beyond, y, 90, 38, TIME, "memory", f"{shape[0]} × {units}")
            picture.arrow((beyond, y - 19), (beyond, y - row), (right + width(decoder[level - 1][0]) / 2, y - row))
        else:
            picture.arrow((here, y), (there, y), kind="dashed")
        if level:
            picture.arrow((left, y - row + 17), (left, y - 17))
            if level != memory_level:
                picture.arrow((right, y - 17), (right, y - row + 17))
    picture.text(
        left + 8, top + row / 2 + 5, f"convolution, kernel {network.config.encoder_kernel}, stride 2", "small", "start"
    )
    picture.text(
        right - 8,
        top + row / 2 + 5,
        f"convolution, kernel {network.config.decoder_kernel}, to twice the positions",
        "small",
        "end",
    )
    picture.text(middle, top - 8, "skip connection", "small")
    squeezed = found["squeeze"]
    picture.box(left, bottom, 120, 34, FREQUENCY, size(squeezed))
    picture.box(middle, bottom, 190, 42, TIME, f"GRU, {network.gru.units} units", "state h of the last frame")
    picture.box(right, bottom, 120, 34, FREQUENCY, str(found["expand"][0]))
    picture.arrow((left, top + row * depth + 17), (left, bottom - 17))
    picture.text(left + 8, bottom - 30, "squeeze", "small", "start")
    picture.arrow((left + 60, bottom), (middle - 95, bottom))
    picture.arrow((middle + 95, bottom), (right - 60, bottom))
    picture.arrow((right, bottom - 17), (right, top + row * depth + 17))
    picture.text(right - 8, bottom - 30, "expand", "small", "end")
    ending = "sigmoid, divided by their sum" if memory_level else "sigmoid"
    picture.box(right, 74, 250, 34, MASK, f"masks {len(spec.sources)} × {size((spec.num_bins, spec.num_channels))}")
    picture.arrow((right, top - 17), (right, 91))
    picture.text(right - 8, 116, f"convolution to {masks}, {ending}", "small", "end")
    picture.box(60, bottom + 48, 22, 14, FREQUENCY)
    picture.text(78, bottom + 53, "along frequency, within the frame (positions × channels)", "small", "start")
    picture.box(470, bottom + 48, 22, 14, TIME)
    picture.text(488, bottom + 53, "along time, from frame to frame", "small", "start")
    return picture.svg()


def draw_time_line(spec: StreamSpec) -> str:
    """Draws when the samples of one step arrive, which frames hold them, and when they leave."""
    per_frame, delay = spec.frame_length // spec.frame_step, spec.algorithmic_latency // spec.frame_step
    steps, unit, left = per_frame + delay, 96.0, 150.0
    picture = Drawing(960, 98 + 46 * (per_frame + 2) + 30, "A step's way through the stream")
    step_ms = 1000 * spec.frame_step / spec.sample_rate

    def place(step: float) -> float:
        return left + unit * step

    def bar(y: float, first: float, count: float, fill: str, text: str) -> None:
        picture.box(place(first + count / 2), y, unit * count - 2, 32, fill, text)

    picture.text(
        480, 30, f"Steps of {spec.frame_step} samples, {step_ms:.1f} ms; frames of {spec.frame_length}", "title"
    )
    y = 78.0
    picture.text(left - 12, y + 5, "mixture arrives", "", "end")
    for step in range(steps):
        bar(y, step, 1, TIME if step == 0 else DATA, f"step {step}")
    for frame in range(per_frame):
        y += 46
        picture.text(left - 12, y + 5, f"frame {frame}", "", "end")
        first = max(0, frame - per_frame + 1)
        bar(y, first, frame + 1, FREQUENCY, f"steps 0 to {frame}" if frame else "step 0")
    y += 52
    picture.text(left - 12, y + 5, "stems leave", "", "end")
    bar(y, 0, delay, DATA, f"nothing yet: {delay} steps")
    for step in range(steps - delay):
        bar(y, delay + step, 1, TIME if step == 0 else MASK, f"step {step}")
    y += 44
    picture.arrow((place(0), y), (place(delay), y))
    latency = spec.algorithmic_latency
    picture.text(place(delay / 2), y + 22, f"latency {latency} samples = {spec.algorithmic_latency_ms:.1f} ms")
    return picture.svg()


def draw_presets(costs: dict[tuple[str, str], float], ticks: tuple[float, ...], title: str, unit: str) -> str:
    """Draws the voice's SDR of every preset and precision against a cost.

    Args:
        costs: by preset and precision.
        ticks: costs to write on the logarithmic axis, from its beginning to its end.
        title: of the picture.
        unit: of the costs.
    """
    import math

    from keras_sep.presets import presets

    picture = Drawing(760, 420, title)
    picture.text(380, 32, title, "title")

    def place(cost: float, sdr: float) -> tuple[float, float]:
        return 80 + 620 * math.log(cost / ticks[0]) / math.log(ticks[-1] / ticks[0]), 370 - 60 * (sdr - 1)

    for tick in ticks:
        picture.text(round(place(tick, 1)[0], 1), 394, f"{tick:g} {unit}", "small")
    for value in range(1, 7):
        y = place(ticks[0], value)[1]
        picture.parts.append(f'<path d="M80 {y:g}H700" stroke="#d5dbe1"/>')
        picture.text(70, y + 4, f"{value} dB", "small", "end")
    taken: list[tuple[float, float, float]] = []  # left, right and baseline of each label
    for (name, precision), cost in costs.items():
        quality = next(file.quality for file in presets()[name].files if file.precision == precision)
        x, y = place(cost, quality["sdr_db"]["vocals"])
        picture.parts.append(f'<circle cx="{x:.1f}" cy="{y:.1f}" r="6" fill="#d9822b"/>')
        label = f"{name}, {precision}"
        left, right = x - 3.3 * len(label), x + 3.3 * len(label)
        # Above the point, or else below, or further away: where no other label is.
        baseline = next(
            y + shift
            for shift in (-12, 22, -28, 38, -44)
            if all(abs(y + shift - other) > 14 or left > end or right < begin for begin, end, other in taken)
        )
        taken.append((left, right, baseline))
        picture.text(round(x, 1), round(baseline, 1), label, "small")
    return picture.svg()


def sizes_of_presets() -> dict[tuple[str, str], float]:
    """Returns the megabytes of each preset's smallest file of each precision."""
    from keras_sep.presets import presets

    files = [(name, file) for name, preset in presets().items() for file in preset.files]
    files.sort(key=lambda item: -item[1].bytes)
    return {(name, file.precision): file.bytes / 1e6 for name, file in files}


def times_of_presets() -> dict[tuple[str, str], float]:
    """Returns ms of a core per second of audio of each preset and precision, from docs/results/speed.md."""
    from docs.make_tables import SPEED, times_by_file
    from keras_sep.presets import presets

    times = times_by_file(SPEED.read_text(encoding="utf-8"))
    return {key: milliseconds for key, milliseconds in times.items() if key[0] in presets()}


def draw_curves() -> str:
    """Draws the validation loss l_0 of the presets' trainings, of which each has a history in docs/results/curves."""
    picture = Drawing(760, 420, "Validation loss of the presets along their training")
    picture.text(380, 32, "l_0 of 48 validation segments, by million frames of training", "title")
    curves = {path.stem: _curve(path) for path in sorted(CURVES.glob("*.csv"))}
    points = [point for curve in curves.values() for point in curve]
    most = max(frames for frames, _ in points)
    low, high = (0.05 * step for step in (int(min(y for _, y in points) / 0.05), -(-max(y for _, y in points) // 0.05)))

    def place(frames: float, loss: float) -> tuple[float, float]:
        return 70 + 560 * frames / most, 370 - 310 * (loss - low) / (high - low)

    for million in range(int(most) + 1):
        picture.text(place(million, low)[0], 394, f"{million}", "small")
    for step in range(round((high - low) / 0.05) + 1):
        y = place(0, low + 0.05 * step)[1]
        picture.parts.append(f'<path d="M70 {y:.1f}H630" stroke="#d5dbe1"/>')
        picture.text(60, round(y + 4, 1), f"{low + 0.05 * step:.2f}", "small", "end")
    colours = ("#1f6fb2", "#d9822b", "#3a9a4e", "#8e4bb0")
    for (name, curve), colour in zip(curves.items(), colours, strict=False):
        line = " ".join(f"{x:.1f},{y:.1f}" for x, y in (place(*point) for point in curve))
        picture.parts.append(f'<polyline points="{line}" fill="none" stroke="{colour}" stroke-width="2"/>')
        x, y = place(*curve[-1])
        picture.text(round(x + 8, 1), round(y + 4, 1), name, "", "start")
    return picture.svg()


def _curve(path: Path) -> list[tuple[float, float]]:
    """Reads (million frames, l_0) from the histories of runs that went on from each other, one after the other."""
    with path.open(encoding="utf-8", newline="") as file:
        return [(float(row["frames"]) / 1e6, float(row["val_spectrogram_loss"])) for row in csv.DictReader(file)]


def draw_mixture(path: Path) -> None:
    """Draws one training mixture, and its two sources, as spectrograms; the song is the example."""
    import matplotlib
    import numpy as np
    import soundfile

    from training.data.mixing import Mixing, RandomMixer
    from training.data.stems import Song, Stem, StemPool

    matplotlib.use("Agg")
    import matplotlib.pyplot as plt

    folder = example()
    stems = {}
    for source in ("vocals", "accompaniment"):
        audio, _ = soundfile.read(folder / f"{source}.ogg", dtype="int16", always_2d=True)
        stems[source] = Stem(str(folder / f"{source}.ogg"), source, audio)
    mixer = RandomMixer(
        StemPool([Song("example", stems["vocals"], stems["accompaniment"])]),
        StreamSpec(),
        512,
        Mixing(together=0, floor=1, voice_pauses=1),
    )
    segment = mixer.draw(np.random.default_rng(20)).segment()
    figure, axes = plt.subplots(1, 3, figsize=(12, 3.6), sharex=True, sharey=True, layout="constrained")
    parts = {"mixture": segment.mixture, "vocals": segment.vocals, "accompaniment": segment.accompaniment}
    top = 20 * np.log10(segment.mixture.max())
    for axis, (title, magnitude) in zip(axes, parts.items(), strict=True):
        level = 20 * np.log10(magnitude.mean(axis=2).T + 1e-6) - top
        image = axis.imshow(
            level,
            origin="lower",
            aspect="auto",
            cmap="magma",
            vmin=-90,
            vmax=0,
            extent=(0, 512 * 512 / 44100, 0, 22.05),
        )
        axis.set(title=title, xlabel="s")
    axes[0].set_ylabel("kHz")
    figure.colorbar(image, ax=axes, label="dB")
    figure.savefig(path, dpi=100)


def drawings() -> dict[str, str]:
    """Returns the SVG pictures by file name."""
    from keras_sep.models import BinMemoryUnet, OrUnet

    four_views = StreamSpec(views=("left", "right", "mid", "side"))
    return {
        "or-unet.svg": draw_network(OrUnet("m")),
        "bin-memory-unet.svg": draw_network(BinMemoryUnet("m", four_views)),
        "time-line.svg": draw_time_line(StreamSpec()),
        "quality-and-size.svg": draw_presets(
            sizes_of_presets(),
            (0.25, 0.5, 1, 2, 4, 8),
            "Voice SDR of the presets against the size of their files",
            "MB",
        ),
        "quality-and-time.svg": draw_presets(
            times_of_presets(), (5, 10, 20, 40, 80), "Voice SDR of the presets against ms of a core per second", "ms"
        ),
        "learning-curves.svg": draw_curves(),
    }


def main() -> None:
    """Writes the pictures into docs/images."""
    parser = argparse.ArgumentParser(prog="python -m docs.make_drawings", allow_abbrev=False)
    parser.add_argument("--mixture", action="store_true", help="also draw one training mixture (needs matplotlib)")
    options = parser.parse_args()
    for name, text in drawings().items():
        (IMAGES / name).write_text(text, encoding="utf-8")
    if options.mixture:
        draw_mixture(IMAGES / "mixture.png")


if __name__ == "__main__":
    main()
