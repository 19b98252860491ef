"""Measurement of the plugin, which writes docs/results/plugin.md: `python -m plugin.checks [--minutes 10]`.

Builds into plugin/build. Takes `--minutes` for the two instances, and some minutes for everything else.
"""

from __future__ import annotations

import argparse
import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import soundfile
import soxr

from common.files import write_text
from common.machine import machine
from common.markdown import decibels, table
from common.scores import snr_db
from plugin.checks import driver, pipewire
from plugin.checks.driver import PLUGIN, Array

ROOT = PLUGIN.parent
OUT = ROOT / "docs" / "results" / "plugin.md"
EXAMPLE = ROOT / "keras_sep" / "assets" / "example"
UNIT = ROOT / "tests" / "golden" / "unit-waveform-float32.tflite"
FREEWHEEL = "0 set freewheel 1"


def song(rate: int, seconds: float = 25) -> Array:
    samples, own_rate = soundfile.read(EXAMPLE / "mixture.flac", round(44100 * seconds), dtype="float32")
    return driver.resampled(samples, own_rate, rate)


def samples(build: Path, scratch: Path) -> Iterator[list[object]]:
    for rate in (44100, 48000, 96000):
        mixture = np.pad(song(rate, 10), ((0, rate), (0, 0)))
        expected = driver.stems_of(mixture, rate)
        impulse = np.zeros((rate, 2), np.float32)
        impulse[rate // 3] = 0.5
        for blocks in ("64:64", "441:441", "1:777", "4096:9000"):
            settings: dict[str, Any] = {"rate": rate, "blocks": blocks}
            result = driver.run(build, mixture, scratch, events=[FREEWHEEL], **settings)
            size = len(mixture) - result.latency
            difference = np.abs(result.stems[result.latency :] - expected[:size]).max()
            probe = driver.run(build, impulse, scratch, events=[FREEWHEEL, f"0 model {UNIT}"], **settings)
            measured = int(np.abs(probe.mix[:, 0]).argmax()) - rate // 3
            ms = 1e3 * result.latency / rate
            shown = blocks.split(":")[0] if len(set(blocks.split(":"))) == 1 else blocks.replace(":", " to ")
            yield [rate, shown, f"{difference:.1g}", result.latency, measured, f"{ms:.1f}"]


def times(report: dict, name: str, digits: int) -> list[str]:
    return [f"{report[name][key]:.{digits}f}" for key in ("p50", "p99", "worst")]


def run_times(build: Path, scratch: Path) -> Iterator[list[object]]:
    for rate, block in ((44100, 256), (48000, 64), (48000, 256), (48000, 1024), (96000, 256)):
        settings: dict[str, Any] = {"rate": rate, "blocks": f"{block}:{block}", "nominal": block, "realtime": 1}
        report = driver.run(build, song(rate), scratch, **settings).report
        counts = [report[name] for name in ("memory", "locks", "system_calls")]
        calls = ["not counted here" if count is None else count for count in counts]
        yield [
            rate,
            block,
            *times(report, "run_us", 1),
            *times(report, "step_ms", 2),
            *calls,
            report["underruns"],
            report["xruns"],
        ]


def _stolen_s() -> float:
    """Seconds of all cores that a virtual machine has not been given by its host so far."""
    return int(Path("/proc/stat").read_text().split()[8]) / os.sysconf("SC_CLK_TCK")


def two_instances(build: Path, scratch: Path, minutes: float) -> Iterator[list[object]]:
    repeats = max(1, round(60 * minutes / 25))
    mixture = np.tile(song(48000), (repeats, 1))
    stolen = _stolen_s()
    report = driver.run(build, mixture, scratch, rate=48000, instances=2, realtime=1).report
    seconds = len(mixture) / 48000
    yield [
        f"{seconds / 60:.1f}",
        report["underruns"],
        report["xruns"],
        *times(report, "run_us", 1),
        *times(report, "step_ms", 2),
        f"{report['late_ms']['worst']:.1f}",
        f"{_stolen_s() - stolen:.1f}",
    ]


def resamplers() -> Iterator[list[object]]:
    """Measures 44.1 kHz and back at 48 kHz: what is lost of sines up to 19 kHz, what is held back, what it takes."""
    rate, count = 48000, 2 * 48000
    generator = np.random.default_rng(0)
    clock = np.arange(count)[:, np.newaxis] / rate
    sines = np.sin(2 * np.pi * np.linspace(50, 19000, 40) * clock + generator.uniform(0, 2 * np.pi, 40)).mean(axis=1)
    signal = sines.astype(np.float32)[:, np.newaxis]

    def speexdsp(quality: int):
        return lambda a, b: driver.SpeexResampler(a, b, 1, quality)

    def soxr_hq(a: int, b: int):
        return soxr.ResampleStream(a, b, 1).resample_chunk

    ways = {f"speexdsp, quality {quality}": speexdsp(quality) for quality in (5, 7, 10)} | {"soxr, HQ": soxr_hq}
    for name, make in ways.items():
        there, back = make(rate, 44100), make(44100, rate)
        start = time.perf_counter()
        result = back(there(signal))
        took = time.perf_counter() - start
        middle = slice(count // 4, count // 2)
        lost = snr_db(signal[middle], result[middle])
        held = []
        for a, b in ((rate, 44100), (44100, rate)):
            resample, given, most = make(a, b), 0, 0.0
            for taken in range(8, a // 2, 8):
                given += len(resample(np.zeros((8, 1), np.float32)))
                most = max(most, 1e3 * (taken / a - given / b))
            held.append(f"{most:.1f}")
        yield [name, decibels(lost, 1), " + ".join(held), f"{1e3 * took / (count / rate):.1f}"]


def in_pipewire(build: Path, scratch: Path) -> Iterator[list[object]]:
    mixture = song(pipewire.RATE)
    own, rate = soundfile.read(EXAMPLE / "accompaniment.ogg", dtype="float32")
    reference = driver.resampled(own, rate, pipewire.RATE)
    with pipewire.Session(scratch) as session:
        command = [sys.executable, "-m", "keras_sep.cli", "desktop"]
        env = {**session.env, "PYTHONPATH": str(ROOT)}
        install = [*command, "install", "--bundle", str(build / "lv2" / "keras_sep.lv2")]
        subprocess.run(install, env=env, check=True, capture_output=True)
        session.start("pipewire", "-c", "keras_sep.conf")
        session.wait_for(lambda: "playback_FR" in session.output("pw-link", "-l"), "the sink's link")
        for _ in range(5):  # a machine that stands still for a moment makes a gap, wherever
            heard = pipewire.compare(session.play(mixture, "keras_sep"), mixture, stem="accompaniment")
            if heard.difference <= 1e-6:
                break
        subprocess.run([*command, "remove"], env=env, check=True, capture_output=True)
    part = slice(0, len(heard.recorded))
    from_the_song = driver.stems_of(mixture, pipewire.RATE)[part, 2:]
    yield [
        f"{heard.difference:.1g}",
        *(
            decibels(snr_db(reference[part], stem[part]), 3)
            for stem in (heard.recorded, heard.expected, from_the_song, mixture)
        ),
        f"{1e3 * heard.silence / pipewire.RATE:.0f}",
    ]


SAMPLES = """
## Samples and latency

Exported, for a host with a usual block of 256 frames. Latencies are in samples of the host's rate, and measured with an
impulse.

"""
TIME = """

## Time

In real time, 25 s each. `run` is the audio thread's call, a step is the network's 11.6 ms in the worker. An underrun is
the plugin's: the worker was too late. An xrun is the card's: the audio thread was woken too late for it.

"""
TWO = """

Two instances in one audio thread at 48 kHz, blocks of 256. The last two columns are the machine's own delays: how late
the audio thread was woken at worst, and time that a virtual machine's host has not given it. Where the thread is later
than a sound card with two blocks can wait, that is an xrun of the card, whatever the plugin does, and time begins anew.

"""
RESAMPLERS = """

## Resamplers

48 kHz to 44.1 kHz and back.

"""
PIPEWIRE = """

## PipeWire

The example played into the sink of `keras-sep desktop install` and recorded behind it: SDR of the accompaniment, dB.
The best of up to five plays: where the machine stands still for a moment, a recording has a gap.
The sink gets silence before a song, and the network remembers it; a file that is separated alone begins without.

"""


def page(build: Path, scratch: Path, minutes: float) -> Iterator[str]:
    option = "" if minutes == 10 else f" --minutes {minutes:g}"
    yield f"# The plugin, measured\n\nWritten by `python -m plugin.checks{option}`. The song is the example; Python's\n"
    yield "samples are `StreamingSeparator`'s, between the plugin's resamplers.\n\n"
    yield f"The machine: {machine()}, load average {os.getloadavg()[0]:.1f}.\n"
    yield SAMPLES
    heads = ["rate, Hz", "blocks", "largest difference from Python", "latency reported", "measured", "ms"]
    yield table(heads, samples(build, scratch))
    took = [
        f"{what} {name}, {unit}" for what, unit in (("run", "µs"), ("step", "ms")) for name in ("p50", "p99", "worst")
    ]
    yield TIME
    heads = [
        "rate, Hz",
        "block",
        *took,
        "memory calls in run",
        "locks",
        "system calls",
        "underruns",
        "xruns of the card",
    ]
    yield table(heads, run_times(build, scratch))
    yield TWO
    yield table(
        ["minutes", "underruns", "xruns of the card", *took, "woken late, ms", "stolen, s"],
        two_instances(build, scratch, minutes),
    )
    yield RESAMPLERS
    heads = ["resampler", "SNR up to 19 kHz, dB", "held back, ms", "ms per second and channel, there and back"]
    yield table(heads, resamplers())
    yield PIPEWIRE
    if absent := pipewire.missing():
        yield f"Not measured; missing: {', '.join(absent)}\n"
        return
    heads = ["largest difference from Python", "recorded", "Python, after as much silence", "Python, the song alone"]
    yield table([*heads, "the mixture", "silence before the song, ms"], in_pipewire(build, scratch / "pw"))
    yield "\n"


def main() -> int:
    parser = argparse.ArgumentParser(prog="python -m plugin.checks", description=__doc__, allow_abbrev=False)
    parser.add_argument("--minutes", type=float, default=10, help="of audio for two instances at once (default: 10)")
    args = parser.parse_args()
    if absent := driver.missing():
        print(f"plugin.checks: missing: {', '.join(absent)}", file=sys.stderr)
        return 1
    build = driver.build(PLUGIN / "build", "all", "host")
    with tempfile.TemporaryDirectory(prefix="ks") as folder:
        scratch = Path(folder)
        (scratch / "pw").mkdir()
        text = ""
        for part in page(build, scratch, args.minutes):
            print(part, end="", flush=True)
            text += part
    OUT.parent.mkdir(parents=True, exist_ok=True)
    write_text(OUT, text)
    return 0


if __name__ == "__main__":
    sys.exit(main())
