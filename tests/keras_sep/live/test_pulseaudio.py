"""`keras-sep live` on real sound devices: PulseAudio's null sinks, reached as any program reaches them, by ALSA.

song: a sink that the tests play into, heard by `live` from its monitor
speakers: a sink that `live` plays into, recorded from its monitor
card: four channels, the first two as `song`, the others as `speakers`, for latency: both on one clock
"""

from __future__ import annotations

import contextlib
import os
import re
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from ctypes.util import find_library
from pathlib import Path

import numpy as np
import pytest
import soundfile

from keras_sep import Separator, StreamingSeparator
from tests.support.paths import GOLDEN, ROOT

UNIT = GOLDEN / "unit-waveform-float32.tflite"
RATE = 44100
SIXTEEN_BITS = 1.5 / 32768
MISSING = [name for name in ("pulseaudio", "pactl", "parec", "paplay") if not shutil.which(name)]
MISSING += [] if find_library("portaudio") else ["libportaudio2"]
MISSING += [] if list(Path("/usr/lib").glob("**/alsa-lib/libasound_module_pcm_pulse.so")) else ["libasound2-plugins"]

pytestmark = [pytest.mark.sound, pytest.mark.skipif(bool(MISSING), reason=f"missing: {', '.join(MISSING)}")]

ASOUNDRC = """
pcm.song_monitor { type pulse device "song.monitor" hint { show on description "what is played into song" } }
pcm.speakers { type pulse device "speakers" hint { show on description "speakers" } }
pcm.card_front { type pulse device "front" hint { show on description "the card's first two channels" } }
pcm.card_rear { type pulse device "rear" hint { show on description "the card's other two" } }
"""
_SINK = f"rate={RATE} format=float32le"
_SPEAKERS = f"module-null-sink sink_name=speakers channels=2 {_SINK}"
_FRONT, _REAR = "front-left,front-right", "rear-left,rear-right"
MODULES = [
    "module-native-protocol-unix",
    f"module-null-sink sink_name=song channels=2 {_SINK}",
    _SPEAKERS,
    f"module-null-sink sink_name=card channels=4 channel_map={_FRONT},{_REAR} {_SINK}",
    f"module-remap-source source_name=front master=card.monitor channels=2 master_channel_map={_FRONT} "
    f"channel_map={_FRONT} remix=no",
    f"module-remap-sink sink_name=to_front master=card channels=2 master_channel_map={_FRONT} channel_map={_FRONT} "
    "remix=no",
    f"module-remap-sink sink_name=rear master=card channels=2 master_channel_map={_REAR} channel_map={_FRONT} remix=no",
]


class Pulse:
    """A sound server of its own, in a folder of its own."""

    def __init__(self, folder: Path):
        run = folder / "run"
        run.mkdir(mode=0o700)
        (folder / ".asoundrc").write_text(ASOUNDRC)
        self.environment = {
            **{k: v for k, v in os.environ.items() if not k.startswith(("PULSE_", "ALSA_", "DBUS_"))},
            "HOME": str(folder),
            "XDG_RUNTIME_DIR": str(run),
            "XDG_CONFIG_HOME": str(folder / "config"),
            "PULSE_RUNTIME_PATH": str(run),
            "PULSE_SERVER": f"unix:{run / 'native'}",
            "PYTHONPATH": str(ROOT),
        }
        self.log = folder / "pulseaudio.log"
        self.process: subprocess.Popen[bytes] | None = None
        self.start()

    def start(self) -> None:
        command = [
            "pulseaudio",
            "--daemonize=no",
            "--exit-idle-time=-1",
            "-n",
            "--disable-shm=yes",
            "--use-pid-file=no",
        ]
        command += [f"--load={module}" for module in MODULES]
        with self.log.open("ab") as log:
            self.process = subprocess.Popen(command, env=self.environment, stdout=log, stderr=log)
        for _ in range(100):
            if self.process.poll() is not None:
                break
            result = subprocess.run(["pactl", "list", "short", "sinks"], env=self.environment, capture_output=True)
            if result.returncode == 0 and b"rear" in result.stdout:
                return
            time.sleep(0.1)
        self.stop()
        raise RuntimeError(f"PulseAudio did not start:\n{self.log.read_text(errors='replace')}")

    def stop(self) -> None:
        if self.process is not None:
            self.process.kill()
            self.process.wait()

    def pactl(self, *arguments: str) -> str:
        command = ["pactl", *arguments]
        return subprocess.run(command, env=self.environment, capture_output=True, text=True, check=True).stdout.strip()

    @contextlib.contextmanager
    def recording(self, monitor: str, path: Path, channels: int = 2) -> Iterator[None]:
        command = ["parec", "--raw", "--format=float32le", f"--rate={RATE}", f"--channels={channels}"]
        command += ["--latency-msec=20", "-d", monitor, *(["--no-remix"] if channels == 4 else [])]
        if channels == 4:
            command.append(f"--channel-map={_FRONT},{_REAR}")
        with path.open("wb") as file, subprocess.Popen(command, env=self.environment, stdout=file) as process:
            try:
                wait_for(lambda: path.stat().st_size > 0, "a recording")
                yield
            finally:
                process.terminate()

    def play(self, sink: str, waveform: np.ndarray, path: Path) -> None:
        """Plays it between two silences: PulseAudio may lose the first milliseconds of a stream."""
        silence = np.zeros((RATE // 2, 2), np.float32)
        soundfile.write(path, np.concatenate([silence, waveform, silence]), RATE, subtype="FLOAT")
        command = ["paplay", "-d", sink, "--latency-msec=200", str(path)]
        subprocess.run(command, env=self.environment, check=True, timeout=60)

    def live(self, *arguments: str | os.PathLike, **options) -> subprocess.Popen[str]:
        # A shell in the background ignores Ctrl-C for its jobs; these hear it.
        code = "import signal, sys; signal.signal(signal.SIGINT, signal.default_int_handler)\n"
        code += "from keras_sep.cli import main; sys.exit(main())"
        command = [sys.executable, "-c", code, "live", *map(os.fspath, arguments)]
        options = {"stdout": subprocess.PIPE, "stderr": subprocess.PIPE, **options}
        return subprocess.Popen(command, text=True, env=self.environment, stdin=subprocess.DEVNULL, **options)


def wait_for(condition, what: str, seconds: float = 30.0) -> None:
    end = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < end, f"waited {seconds:.0f} s for {what}"
        time.sleep(0.05)


@pytest.fixture(scope="module")
def pulse(tmp_path_factory) -> Iterator[Pulse]:
    # A short path: a socket's may have 107 characters.
    folder = tmp_path_factory.mktemp("pulse")
    server = Pulse(folder)
    try:
        yield server
    finally:
        server.stop()


@pytest.fixture
def song(music, tmp_path) -> Path:
    path = tmp_path / "song.wav"
    soundfile.write(path, music(4.0), RATE, subtype="FLOAT")
    return path


def finished(process: subprocess.Popen[str], status: int = 0) -> str:
    """What it said on standard error, at its end."""
    stdout, stderr = process.communicate(timeout=60)
    assert process.returncode == status, (stdout, stderr)
    return stderr or ""


def figures(stderr: str) -> dict[str, float]:
    """The last line's numbers."""
    line = stderr.strip().splitlines()[-1]
    found = re.search(r"(\d+) underruns \((\d+) samples\), (\d+) overruns .* latency (\d+) ms", line)
    assert found, stderr
    return dict(zip(("underruns", "silent", "overruns", "latency_ms"), map(float, found.groups()), strict=True))


def recorded(path: Path, channels: int = 2) -> np.ndarray:
    data = np.fromfile(path, "<f4")
    return data[: len(data) // channels * channels].reshape(-1, channels)


def lag(x: np.ndarray, key: np.ndarray) -> int:
    """Where in x (n,) the samples `key` (m,) lie."""
    fft = 1 << (len(x) + len(key)).bit_length()
    return int(np.argmax(np.fft.irfft(np.fft.rfft(x, fft) * np.conj(np.fft.rfft(key, fft)))[: len(x)]))


def arrival(heard: np.ndarray, expected: np.ndarray) -> int:
    """Where all of `expected` begins in what was recorded."""
    start = lag(heard[:, 0], expected[20000:80000, 0]) - 20000
    assert 0 <= start <= len(heard) - len(expected)
    return start


def assert_arrived(heard: np.ndarray, expected: np.ndarray) -> None:
    """In one piece, to 16-bit precision."""
    start = arrival(heard, expected)
    assert np.abs(heard[start : start + len(expected)] - expected).max() <= SIXTEEN_BITS


def assert_arrived_well(heard: np.ndarray, expected: np.ndarray) -> None:
    """With the control that this comparison sees what it is there to see."""
    assert_arrived(heard, expected)
    middle = arrival(heard, expected) + len(expected) // 2
    short = np.insert(np.delete(heard, middle, axis=0), 0, 0.0, axis=0)
    for damaged in (short, heard * np.float32(1.01), heard[:, ::-1]):
        with pytest.raises(AssertionError):
            assert_arrived(damaged, expected)


def mix_of(x: np.ndarray, model: Path | None = None) -> np.ndarray:
    stems = (Separator(model=model) if model else Separator()).separate(x, RATE)
    return stems["vocals"] + stems["accompaniment"]


def test_the_devices_are_listed(pulse):
    process = pulse.live("--list-devices")
    stdout, stderr = process.communicate(timeout=60)
    assert (process.returncode, stderr) == (0, "")  # ALSA's own chatter stays away
    assert re.search(r"^\d+: speakers, ALSA: ", stdout, re.MULTILINE)
    assert "song_monitor" in stdout


@pytest.mark.parametrize("block", ["512", "441"])
def test_a_file_arrives_at_the_sink_and_its_recording_is_what_separate_makes(pulse, song, music, tmp_path, block):
    with pulse.recording("speakers.monitor", tmp_path / "heard.raw"):
        options = (
            "--output-device",
            "speakers",
            "--buffer",
            "400",
            "--block-size",
            block,
            "--record",
            tmp_path / "out",
        )
        said = figures(finished(pulse.live("--file", song, *options)))
        time.sleep(0.3)
    assert (said["underruns"], said["overruns"]) == (0, 0)
    heard, offline = recorded(tmp_path / "heard.raw"), Separator().separate(music(4.0), RATE)
    assert_arrived_well(heard, offline["vocals"] + offline["accompaniment"])
    for source, stem in {**offline, "mixture": music(4.0)}.items():
        np.testing.assert_array_equal(soundfile.read(tmp_path / "out" / f"{source}.wav", dtype="float32")[0], stem)


def test_a_microphone_is_separated_on_its_way(pulse, music, tmp_path):
    options = ("--input-device", "song_monitor", "--output-device", "speakers", "--buffer", "400")
    process = pulse.live(*options, "--record", tmp_path / "out")
    with pulse.recording("speakers.monitor", tmp_path / "heard.raw"):
        time.sleep(4.0)  # null sinks take up to two seconds to start
        pulse.play("song", music(4.0), tmp_path / "played.wav")
        time.sleep(1.5)
    process.send_signal(signal.SIGINT)
    stdout, stderr = process.communicate(timeout=60)
    assert process.returncode == 130, stderr
    assert len(stdout.splitlines()) == 3
    lines = stderr.strip().splitlines()
    assert lines[-1] == "keras-sep: interrupted"
    said = figures("\n".join(lines[:-1]))
    assert (said["underruns"], said["overruns"]) == (0, 0), stderr
    # The recorded mixture is what the network heard, so its own stems must be what the stream makes of it,
    # and their sum must be what the sink got.
    mixture = soundfile.read(tmp_path / "out" / "mixture.wav", dtype="float32")[0]
    start = lag(mixture[:, 0], music(4.0)[20000:80000, 0]) - 20000
    np.testing.assert_allclose(mixture[start : start + 4 * RATE], music(4.0), atol=SIXTEEN_BITS)
    stems = Separator().separate(mixture, RATE)
    for source, stem in stems.items():
        np.testing.assert_array_equal(soundfile.read(tmp_path / "out" / f"{source}.wav", dtype="float32")[0], stem)
    expected = (stems["vocals"] + stems["accompaniment"])[start : start + 4 * RATE]
    assert_arrived_well(recorded(tmp_path / "heard.raw"), expected)


def test_the_stated_latency_is_the_measured_one(pulse, music, tmp_path):
    """The unit model's voice is what it hears: how much later it leaves is seen in one four-channel recording."""
    levels = ("--model", UNIT, "--accompaniment", "-60")
    process = pulse.live("--input-device", "card_front", "--output-device", "card_rear", "--buffer", "100", *levels)
    with pulse.recording("card.monitor", tmp_path / "card.raw", channels=4):
        time.sleep(4.0)
        pulse.play("to_front", music(4.0), tmp_path / "played.wav")
        time.sleep(1.0)
    process.send_signal(signal.SIGINT)
    lines = finished(process, 130).strip().splitlines()
    said = figures("\n".join(lines[:-1]))
    assert (said["underruns"], said["overruns"]) == (0, 0), lines
    four = recorded(tmp_path / "card.raw", 4)
    key = music(4.0)[20000:80000, 0]
    measured = 1000 * (lag(four[:, 2], key) - lag(four[:, 0], key)) / RATE
    print(f"latency: stated {said['latency_ms']:.0f} ms, measured {measured:.1f} ms")
    # More than what is certain, and PulseAudio's own buffers beside what PortAudio knows of.
    assert measured >= 1000 * 2048 / RATE + 100
    assert measured == pytest.approx(said["latency_ms"], abs=60)


def is_heard(pulse: Pulse, monitor: str, path: Path) -> bool:
    with pulse.recording(monitor, path):
        time.sleep(1.0)
    return np.abs(recorded(path)).max() > 0.05


@contextlib.contextmanager
def looping(pulse: Pulse, song: Path, said: Path) -> Iterator[None]:
    with said.open("w") as file:
        process = pulse.live("--file", song, "--loop", "--output-device", "speakers", "--model", UNIT, stderr=file)
    try:
        yield
    finally:
        process.send_signal(signal.SIGINT)
        finished(process, 130)


def test_a_sink_that_goes(pulse, song, tmp_path):
    """PulseAudio moves the stream to another sink, of which `live` need not hear."""
    said, heard = tmp_path / "said.txt", tmp_path / "heard.raw"
    pulse.pactl("set-default-sink", "song")
    try:
        with looping(pulse, song, said):
            wait_for(lambda: is_heard(pulse, "speakers.monitor", heard), "sound")
            assert not is_heard(pulse, "song.monitor", heard)
            modules = pulse.pactl("list", "short", "modules").splitlines()
            pulse.pactl("unload-module", next(line.split()[0] for line in modules if "sink_name=speakers" in line))
            wait_for(lambda: is_heard(pulse, "song.monitor", heard), "sound elsewhere")
    finally:
        pulse.pactl("load-module", *_SPEAKERS.split())


def test_a_server_that_goes_and_comes_back(pulse, song, tmp_path):
    said, heard = tmp_path / "said.txt", tmp_path / "heard.raw"
    with looping(pulse, song, said):
        wait_for(lambda: is_heard(pulse, "speakers.monitor", heard), "sound")
        pulse.stop()
        wait_for(lambda: "has gone" in said.read_text(), "the loss to be noticed")
        time.sleep(1.5)
        assert "is back" not in said.read_text()
        pulse.start()
        wait_for(lambda: "is back" in said.read_text(), "the device to be opened again")
        wait_for(lambda: is_heard(pulse, "speakers.monitor", heard), "sound again")
    assert said.read_text().count("has gone") == 1
    assert "lost the device 1 times" in said.read_text()


def test_a_stream_at_another_rate_without_a_gap(pulse, song, music, tmp_path):
    with pulse.recording("speakers.monitor", tmp_path / "heard.raw"):
        options = ("--output-device", "speakers", "--sample-rate", "48000", "--buffer", "400", "--model", UNIT)
        said = figures(finished(pulse.live("--file", song, "--accompaniment", "-60", *options)))
        time.sleep(0.3)
    assert said["underruns"] == 0
    heard, expected = recorded(tmp_path / "heard.raw"), music(4.0)
    start = lag(heard[:, 0], expected[20000:80000, 0]) - 20000
    middle = slice(RATE // 2, -RATE // 2)  # twice resampled, by soxr and by PulseAudio's speex
    error = heard[start : start + len(expected)][middle] - expected[middle]
    assert 10 * np.log10(np.mean(expected[middle] ** 2) / np.mean(error**2)) > 20


def test_the_streaming_separator_is_what_runs(music):
    """The offline result, which all is compared with, is the stream's, delayed."""
    stream, x = StreamingSeparator(), music(1.0)
    stems = stream.push(x)
    np.testing.assert_array_equal((stems["vocals"] + stems["accompaniment"])[2048:], mix_of(x)[:-2048])
