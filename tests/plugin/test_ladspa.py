"""The LADSPA face, in a host of a few lines of ctypes, and in the LADSPA SDK's own."""

from __future__ import annotations

import ctypes
import os
import shutil
import subprocess
from pathlib import Path

import numpy as np
import pytest
import soundfile

from plugin.checks import driver

pytestmark = pytest.mark.compiler

RATE = 44100
VOICE, ACCOMPANIMENT, EXPORT, LATENCY = range(4, 8)


class Descriptor(ctypes.Structure):
    _function = ctypes.CFUNCTYPE(None, ctypes.c_void_p)
    _fields_ = [
        ("unique_id", ctypes.c_ulong),
        ("label", ctypes.c_char_p),
        ("properties", ctypes.c_int),
        ("name", ctypes.c_char_p),
        ("maker", ctypes.c_char_p),
        ("copyright", ctypes.c_char_p),
        ("num_ports", ctypes.c_ulong),
        ("kinds", ctypes.POINTER(ctypes.c_int)),
        ("port_names", ctypes.POINTER(ctypes.c_char_p)),
        ("hints", ctypes.c_void_p),
        ("data", ctypes.c_void_p),
        ("instantiate", ctypes.CFUNCTYPE(ctypes.c_void_p, ctypes.c_void_p, ctypes.c_ulong)),
        ("connect_port", ctypes.CFUNCTYPE(None, ctypes.c_void_p, ctypes.c_ulong, ctypes.c_void_p)),
        ("activate", _function),
        ("run", ctypes.CFUNCTYPE(None, ctypes.c_void_p, ctypes.c_ulong)),
        ("run_adding", ctypes.c_void_p),
        ("set_adding_gain", ctypes.c_void_p),
        ("deactivate", _function),
        ("cleanup", _function),
    ]


def run(library: Path, mixture: np.ndarray, voice: float, accompaniment: float) -> tuple[np.ndarray, int]:
    """The mix of a mixture, computed in the host's calls, and the latency that was reported."""
    loaded = ctypes.CDLL(str(library))
    loaded.ladspa_descriptor.restype = ctypes.POINTER(Descriptor)
    assert not loaded.ladspa_descriptor(1)
    plugin = loaded.ladspa_descriptor(0).contents
    assert (plugin.label, plugin.num_ports) == (b"keras_sep", 8)
    handle = plugin.instantiate(ctypes.addressof(plugin), RATE)
    assert handle
    controls = np.array([0, 0, 0, 0, voice, accompaniment, 1, 0], np.float32)
    inputs, outputs = np.ascontiguousarray(mixture.T), np.empty((2, len(mixture)), np.float32)
    for port in range(VOICE, LATENCY + 1):
        plugin.connect_port(handle, port, controls[port:].ctypes.data)
    plugin.activate(handle)
    controls[VOICE] = 12
    plugin.run(handle, 0)  # asks for the latency alone
    assert controls[LATENCY] > 0
    controls[VOICE] = voice
    for start in range(0, len(mixture), 1000):
        for channel in range(2):
            plugin.connect_port(handle, channel, inputs[channel, start:].ctypes.data)
            plugin.connect_port(handle, 2 + channel, outputs[channel, start:].ctypes.data)
        plugin.run(handle, min(1000, len(mixture) - start))
    plugin.deactivate(handle)
    plugin.cleanup(handle)
    return outputs.T, int(controls[LATENCY])


def test_the_mix_is_python_s(built, tmp_path, song):
    """Through a link, as a user would put it among other LADSPA plugins."""
    link = tmp_path / "keras_sep.so"
    link.symlink_to(built / "lv2/keras_sep.lv2/keras_sep.so")
    mixture = song(RATE)
    stems = driver.stems_of(mixture, RATE)
    for voice, accompaniment, expected in (
        (0, 0, stems[:, :2] + stems[:, 2:]),
        (-60, 0, stems[:, 2:]),
        (0, -60, stems[:, :2]),
    ):
        mix, latency = run(link, mixture, voice, accompaniment)
        size = len(mix) - latency
        assert np.abs(mix[latency:] - expected[:size]).max() <= 1e-6
        assert np.abs(mix[latency + 1 :] - expected[: size - 1]).max() > 0.01


def test_the_sdk_s_host(built, tmp_path, song):
    if not shutil.which("applyplugin"):
        pytest.skip("missing: ladspa-sdk, whose applyplugin this is about")
    mixture = song(RATE)
    soundfile.write(tmp_path / "in.wav", mixture, RATE, "PCM_16")
    env = {**os.environ, "LADSPA_PATH": str(built / "lv2/keras_sep.lv2")}
    command = ["applyplugin", "in.wav", "out.wav", "keras_sep.so", "keras_sep", "-60", "0", "1"]
    subprocess.run(command, env=env, cwd=tmp_path, check=True, capture_output=True)
    out, _ = soundfile.read(tmp_path / "out.wav", dtype="float32")
    written, _ = soundfile.read(tmp_path / "in.wav", dtype="float32")
    expected = driver.stems_of(written, RATE)[:, 2:]
    latency = 2048 + 1024 + 882
    size = len(out) - latency
    assert np.abs(out[latency:] - expected[:size]).max() < 2 / 32768
