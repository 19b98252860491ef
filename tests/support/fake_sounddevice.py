"""Modules that stand for sounddevice: a microphone and speakers."""

from __future__ import annotations

_DEVICES = """
class default: device = (0, 1)
class PortAudioError(Exception): pass
def query_hostapis(): return [{"name": "Fake"}]
def query_devices(index=None):
    common = {"hostapi": 0, "default_samplerate": 44100.0,
              "default_low_input_latency": 0.01, "default_low_output_latency": 0.01}
    if index is not None: return common
    return [{"index": 0, "name": "microphone", "max_input_channels": 2, "max_output_channels": 0, **common},
            {"index": 1, "name": "speakers", "max_input_channels": 0, "max_output_channels": 2, **common}]
"""

# Neither can be opened.
SILENT = f"""{_DEVICES}
class InputStream:
    def __init__(self, **_): raise PortAudioError("Device\\nunavailable")
OutputStream = InputStream
"""

# Speakers that play in real time, or `speed` times as fast.
PLAYING = f"""{_DEVICES}
import os, threading, time, types
import numpy as np
speed = float(os.environ.get("FAKE_SOUNDDEVICE_SPEED", "1"))
class OutputStream:
    latency = 0.01
    def __init__(self, callback, channels, samplerate, **_):
        self.callback, self.channels, self.rate, self.stopped = callback, channels, samplerate, threading.Event()
    def start(self): threading.Thread(target=self.play, daemon=True).start()
    def play(self):
        times = types.SimpleNamespace(currentTime=0, outputBufferDacTime=0)
        status = types.SimpleNamespace(output_underflow=False)
        while not self.stopped.wait(512 / self.rate / speed):
            self.callback(np.zeros((512, self.channels), np.float32), 512, times, status)
    def abort(self, ignore_errors): self.stopped.set()
    def close(self, ignore_errors): pass
"""
