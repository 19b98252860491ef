"""`make demo`: separates the example song, says how well and how fast, and draws what happened."""

from __future__ import annotations

import time
from pathlib import Path

import matplotlib
import numpy as np
import soundfile

from keras_sep import Separator, example
from keras_sep.signal import stft
from keras_sep.spec import StreamSpec
from training.evaluation.metrics import bss_eval

matplotlib.use("Agg")
import matplotlib.pyplot as plt

EXAMPLE = example()
SOURCES = ("vocals", "accompaniment")


def main(out: Path = Path("demo")) -> None:
    mixture, rate = _read(EXAMPLE / "mixture.flac")
    seconds = len(mixture) / rate
    separator = Separator()
    start = time.perf_counter()
    paths = separator.separate_file(EXAMPLE / "mixture.flac", out)
    elapsed = time.perf_counter() - start

    references = [_read(EXAMPLE / f"{source}.ogg")[0] for source in SOURCES]
    estimates = [_read(paths[source])[0] for source in SOURCES]
    before = np.nanmedian(bss_eval(references, [mixture, mixture], rate)["SDR"], axis=1)
    after = np.nanmedian(bss_eval(references, estimates, rate)["SDR"], axis=1)

    for source in SOURCES:
        print(f"{source + ':':15}{paths[source]}")
    print("SDR (BSS Eval v4, median over 1 s frames)   before    after")
    for i, source in enumerate(SOURCES):
        print(f"  {source:40}{before[i]:8.2f} {after[i]:8.2f}  dB")
    print(f"real-time factor: {elapsed / seconds:.4f} ({seconds / elapsed:.0f} × real time)")
    print(f"picture:       {draw(mixture, estimates, separator.spec, out / 'spectrograms.png')}")


def draw(mixture: np.ndarray, estimates: list[np.ndarray], spec: StreamSpec, path: Path) -> Path:
    """Magnitude spectrograms in dB, on one scale, of the mixture and of what was made of it."""
    figure, axes = plt.subplots(3, 1, figsize=(10, 9), sharex=True, sharey=True, layout="constrained")
    titles = ("mixture", "voice", "accompaniment")
    image = None
    top = None
    for axis, title, audio in zip(axes, titles, [mixture, *estimates], strict=True):
        level = 20 * np.log10(np.abs(stft(audio, spec)).mean(axis=2).T + 1e-6)
        top = level.max() if top is None else top
        image = axis.imshow(
            level - top,
            origin="lower",
            aspect="auto",
            cmap="magma",
            vmin=-80,
            vmax=0,
            extent=(0, len(audio) / spec.sample_rate, 0, spec.sample_rate / 2000),
        )
        axis.set_title(title, loc="left")
        axis.set_ylabel("kHz")
        axis.set_ylim(0, 10)
    axes[-1].set_xlabel("seconds")
    figure.colorbar(image, ax=axes, label="dB", shrink=0.6)
    path.parent.mkdir(parents=True, exist_ok=True)
    figure.savefig(path, dpi=110)
    plt.close(figure)
    return path


def _read(path: Path) -> tuple[np.ndarray, int]:
    return soundfile.read(path, dtype="float32", always_2d=True)


if __name__ == "__main__":
    main()
