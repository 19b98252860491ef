"""A private PipeWire session: sound server, session manager, a sink without a sound card, and a home."""

from __future__ import annotations

import contextlib
import os
import shutil
import signal
import subprocess
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import soundfile

from plugin.checks.driver import Array, stems_of

RATE = 48000  # of PipeWire's graph
PROGRAMS = ("pipewire", "wireplumber", "dbus-daemon", "pw-cat", "pw-record", "pw-cli", "pw-dump", "pw-link", "chrt")
SPEAKERS = "speakers"


def missing() -> list[str]:
    return [program for program in PROGRAMS if not shutil.which(program)]


class Session(contextlib.ExitStack):
    """The session, which runs until it is closed.

    Args:
        folder: for its sockets, logs and home; a short path.

    Attributes:
        home: Path.  env: variables for programs of the session.
    """

    def __init__(self, folder: Path):
        super().__init__()
        self.home, self._folder = folder / "home", folder
        self.home.mkdir()
        folder.chmod(0o700)
        own = ("XDG_", "PIPEWIRE_", "LV2_PATH", "DBUS_")
        self.env = {name: value for name, value in os.environ.items() if not name.startswith(own)}
        self.env |= {
            "HOME": str(self.home),
            "XDG_RUNTIME_DIR": str(folder),
            "DBUS_SESSION_BUS_ADDRESS": f"unix:path={folder / 'bus'}",
        }
        try:
            self.start("dbus-daemon", "--session", f"--address=unix:path={folder / 'bus'}", "--nofork", "--nopidfile")
            self.wait_for(lambda: (folder / "bus").exists(), "D-Bus")
            self.start("pipewire")
            self.wait_for(lambda: (folder / "pipewire-0").exists(), "PipeWire")
            self.start("wireplumber")
            sink = (
                "{ factory.name = support.null-audio-sink  node.name = %s  media.class = Audio/Sink "
                "object.linger = true  audio.position = [ FL FR ] }"
            )
            self.output("pw-cli", "create-node", "adapter", sink % SPEAKERS)
            self.wait_for(lambda: f"{SPEAKERS}:playback_FR" in self.output("pw-link", "-i"), "the sink")
        except BaseException:
            self.close()
            raise

    def start(self, *command: str) -> subprocess.Popen:
        """Starts a program, which ends with the session at the latest."""
        with (self._folder / f"{len(os.listdir(self._folder))}-{Path(command[0]).name}.log").open("w") as log:
            process = subprocess.Popen(command, env=self.env, stdout=log, stderr=subprocess.STDOUT)
        self.callback(self.stop, process)
        return process

    @staticmethod
    def stop(process: subprocess.Popen, how: int = signal.SIGTERM) -> None:
        if process.poll() is None:
            process.send_signal(how)
            try:
                process.wait(10)
            except subprocess.TimeoutExpired:
                process.kill()
                process.wait()

    def output(self, *command: str) -> str:
        return subprocess.run(command, env=self.env, capture_output=True, text=True, timeout=30).stdout

    def wait_for(self, condition: Callable[[], bool], what: str) -> None:
        until = time.monotonic() + 20
        while not condition():
            if time.monotonic() > until:
                raise TimeoutError(f"{what} did not come within 20 s; see {self._folder}")
            time.sleep(0.1)

    def play(self, waveform: Array, sink: str) -> Array:
        """Plays (samples, 2) at RATE into a sink, and returns what SPEAKERS got meanwhile, with silence around it."""
        song, recorded = self._folder / "song.wav", self._folder / "recorded.wav"
        soundfile.write(song, waveform, RATE, "FLOAT")
        # These two work in an ordinary thread, which has to be in time as well; where that is not allowed, as it is.
        allowed = subprocess.run(["chrt", "-f", "20", "true"], capture_output=True).returncode == 0
        punctually = ["chrt", "-f", "20"] if allowed else []
        record = ["pw-record", "-P", "{ stream.capture.sink=true }", "--target", SPEAKERS, "--format", "f32"]
        recorder = self.start(*punctually, *record, "--rate", str(RATE), "--channels", "2", str(recorded))
        time.sleep(1.5)
        subprocess.run([*punctually, "pw-cat", "-p", "--target", sink, song], env=self.env, check=True)
        time.sleep(1)
        self.stop(recorder, signal.SIGINT)
        samples, _ = soundfile.read(recorded, dtype="float32")
        return samples


@dataclass
class Heard:
    """A stem as it was recorded and as Python computes it, (samples, 2) each, aligned.

    Attributes:
        silence: samples by which the sink's stream began before the song: the network has got them, too.
        difference: the largest one.
    """

    recorded: Array
    expected: Array
    silence: int
    difference: float

    def __str__(self) -> str:
        return f"largest difference {self.difference:.3g}, after {self.silence} samples of silence"


def compare(recorded: Array, song: Array, stem: str) -> Heard:
    """Finds a song's stem in a recording, and how long the stream had run before it, in whole blocks of PipeWire's."""
    channels = {"vocals": slice(0, 2), "accompaniment": slice(2, 4)}[stem]

    def computed(silence: int, part: Array) -> Array:
        stems = stems_of(np.pad(part, ((silence, RATE // 2), (0, 0))), RATE)
        return stems[silence : silence + len(part), channels]

    likely = computed(RATE // 2, song)
    size = len(recorded) + len(song)
    spectra = [np.fft.rfft(x[:, 0], size) for x in (recorded, likely)]
    late = int(np.fft.irfft(spectra[0] * spectra[1].conj(), size)[: len(recorded)].argmax())
    # Its last block is lost where a program ends before it was heard.
    found = recorded[late : late + len(song) - 4096]
    near: dict[int, float] = {}
    for silence in range(0, 2 * RATE, 1024):
        start = computed(silence, song[:RATE])[: RATE // 2]
        near[silence] = float(np.abs(start - found[: len(start)]).max())
        if near[silence] <= 1e-6:
            break
    silence = min(near, key=lambda silence: near[silence])
    expected = computed(silence, song)[: len(found)]
    return Heard(found, expected, silence, float(np.abs(found - expected).max()))
