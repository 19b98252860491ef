"""The plugin built, run in `host`, and what Python computes in its place.

Waveforms are float32 (samples, 2), full scale ±1; stems are (samples, 4): the voice's channels, the accompaniment's.
"""

from __future__ import annotations

import ctypes
import json
import os
import shutil
import subprocess
import sys
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from keras_sep import StreamingSeparator

Array = npt.NDArray[np.float32]

PLUGIN = Path(__file__).parents[1]
URI = "urn:keras-sep:separator"
QUALITY = 7  # of speexdsp, as in resampler.c


def missing() -> list[str]:
    """Returns the Debian packages without which the plugin, or its host for tests, cannot be built here."""
    packages = {"cc": "gcc", "make": "make", "pkg-config": "pkg-config"}
    absent = [package for program, package in packages.items() if not shutil.which(program)]
    if absent or not sys.platform.startswith("linux"):
        return absent or ["linux"]
    headers = {
        "lv2/core/lv2.h": "lv2-dev",
        "ladspa.h": "ladspa-sdk",
        "speex/speex_resampler.h": "libspeexdsp-dev",
        "lilv-0/lilv/lilv.h": "liblilv-dev",
    }
    for header, package in headers.items():
        if subprocess.run(["cc", "-E", "-include", header, "-x", "c", "/dev/null"], capture_output=True).returncode:
            absent.append(package)
    return absent


def build(folder: Path, *targets: str, **variables: str) -> Path:
    """Builds `targets` ("all", "host") of plugin/Makefile in `folder`; `variables` are the Makefile's."""
    settings = {"PYTHON": sys.executable, "BUILD": str(folder), **variables}
    command = ["make", "-s", "-C", str(PLUGIN), *targets, *(f"{name}={value}" for name, value in settings.items())]
    built = subprocess.run(command, capture_output=True, text=True)
    if built.returncode:
        raise RuntimeError(f"expected {' '.join(command)} to work. Received: {built.stderr}")
    return folder


@dataclass
class Result:
    """The output of `host`, and what it recorded of one instance.

    Attributes:
        report: latency (samples), latency_changes, underruns (of all instances), xruns (of a sound card: in real time,
            how often the audio thread was woken too late for it), model (its path, as told last), answers (how often),
            run_us and step_ms (count, p50, p99, worst), and calls made within `run`: memory, locks, system_calls (None
            where they cannot be counted).
        mix: (samples, 2).  stems: (samples, 4).
    """

    report: dict[str, Any]
    mix: Array
    stems: Array
    stderr: str

    @property
    def latency(self) -> int:
        return self.report["latency"]


def run(folder: Path, waveform: Array, scratch: Path, *, events: Sequence[str] = (), env=None, **settings) -> Result:
    """Runs the plugin of a build folder over a waveform.

    Args:
        scratch: folder for the host's files.
        events, settings: see host.c.
        env: variables for the host.

    Raises:
        RuntimeError: the host failed; what it said.
    """
    np.asarray(waveform, "<f4").tofile(scratch / "in.f32")
    if events:
        (scratch / "events").write_text("".join(f"{event}\n" for event in events))
        settings["events"] = scratch / "events"
    command = [str(folder / "host"), f"in={scratch / 'in.f32'}", f"out={scratch / 'out.f32'}"]
    command += [f"{key}={value}" for key, value in settings.items()]
    variables = {**os.environ, "LV2_PATH": str(folder / "lv2"), **(env or {})}
    done = subprocess.run(command, capture_output=True, text=True, env=variables)
    if done.returncode:
        raise RuntimeError(f"host: status {done.returncode}: {done.stderr}")
    recorded = np.fromfile(scratch / "out.f32", "<f4").reshape(-1, 6)
    return Result(json.loads(done.stdout), recorded[:, :2], recorded[:, 2:], done.stderr)


class SpeexResampler:
    """The plugin's resampler, of the system's libspeexdsp: (samples, channels) in, as many as there are out."""

    _library: Any = None

    def __init__(self, rate_in: int, rate_out: int, num_channels: int, quality: int = QUALITY):
        if SpeexResampler._library is None:
            SpeexResampler._library = ctypes.CDLL("libspeexdsp.so.1")
            SpeexResampler._library.speex_resampler_init.restype = ctypes.c_void_p
        self._ratio = rate_out / rate_in
        error = ctypes.c_int()
        self._state = ctypes.c_void_p(
            self._library.speex_resampler_init(num_channels, rate_in, rate_out, quality, ctypes.byref(error))
        )
        self._library.speex_resampler_skip_zeros(self._state)

    def __call__(self, samples: Array) -> Array:
        samples = np.ascontiguousarray(samples, np.float32)
        out = np.empty((int(len(samples) * self._ratio) + 64, samples.shape[1]), np.float32)
        pointers = [array.ctypes.data_as(ctypes.POINTER(ctypes.c_float)) for array in (samples, out)]
        taken, given = ctypes.c_uint32(len(samples)), ctypes.c_uint32(len(out))
        process = self._library.speex_resampler_process_interleaved_float
        process(self._state, pointers[0], ctypes.byref(taken), pointers[1], ctypes.byref(given))
        assert taken.value == len(samples)
        return out[: given.value]

    def close(self) -> None:
        self._library.speex_resampler_destroy(self._state)


def resampled(waveform: Array, rate_in: int, rate_out: int) -> Array:
    """Returns a waveform at another sample rate, as the plugin resamples, aligned to its first sample."""
    if rate_in == rate_out:
        return waveform
    resampler = SpeexResampler(rate_in, rate_out, waveform.shape[1])
    result = resampler(waveform)
    resampler.close()
    return result


def stems_of(waveform: Array, rate: int, model: Path | None = None) -> Array:
    """Returns Python's stems (samples, 4) of a waveform at the host's rate, aligned to it, as far as its samples go."""
    separator = StreamingSeparator(model=model) if model else StreamingSeparator(graph="waveform")
    mixture = resampled(waveform, rate, separator.spec.sample_rate)
    parts = [separator.push(mixture), separator.flush()]
    stems = [np.concatenate([part[source] for part in parts]) for source in separator.spec.sources]
    aligned = np.concatenate(stems, axis=1)[separator.algorithmic_latency :]
    return resampled(aligned, separator.spec.sample_rate, rate)[: len(waveform)]
