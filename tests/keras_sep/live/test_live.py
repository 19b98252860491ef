"""Live separation with a sound card that is played by the test, block by block and second by second."""

from __future__ import annotations

import io
import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import soundfile
import soxr

from keras_sep import AudioError, Separator, StreamingSeparator
from keras_sep.live.callbacks import Playback
from keras_sep.live.file_source import FileSource
from keras_sep.live.mixer import MUTE_DB, RAMP_S, Mixer, Ramp
from keras_sep.live.recorder import Recorder
from keras_sep.live.ring import RingBuffer
from keras_sep.live.session import DEFAULT_BUFFER_MS, LiveSession
from keras_sep.live.sound_card import Device, find_device
from keras_sep.live.terminal import KEYS_HELP, Keys, Terminal, press, status_line, summary
from keras_sep.presets import DEFAULT_PRESET
from tests.support.commands import WAYS, here
from tests.support.fake_sounddevice import PLAYING, SILENT
from tests.support.needs import needs_posix
from tests.support.paths import GOLDEN

UNIT = GOLDEN / "unit-waveform-float32.tflite"
RATE = 44100
LATENCY = 2048
BUFFER = round(DEFAULT_BUFFER_MS / 1000 * RATE)  # what playing starts behind the stream, whatever the blocks


class FakeStream:
    def __init__(self, card: FakeCard, kind: str, rate: int, callback):
        self.device, self.sample_rate, self.num_channels = card.list[kind == "output"], rate, card.channels[kind]
        self.latency, self.finished, self.running = 0.01, False, False
        self.callback = callback

    def start(self) -> None:
        self.running = True

    def close(self) -> None:
        self.running = False


class FakeCard:
    """An AudioInterface whose callbacks come when the test calls `hear` and `play`, at the time of `now`."""

    def __init__(self, *, inputs: int = 2, outputs: int = 2, rate: int = RATE):
        self.channels, self.rate = {"input": inputs, "output": outputs}, rate
        self.list = [Device(0, "microphone", "Fake", inputs, 0, rate), Device(1, "speakers", "Fake", 0, outputs, rate)]
        self.streams: dict[str, FakeStream] = {}
        self.now, self.present, self.rescans = 0.0, True, 0

    def devices(self) -> list[Device]:
        return self.list if self.present else []

    def open(self, kind, device, sample_rates, block_size, latency, callback) -> FakeStream:
        if not self.present:
            raise AudioError("no such device")
        self.streams[kind] = FakeStream(self, kind, self.rate, callback)
        return self.streams[kind]

    def rescan(self) -> None:
        self.rescans += 1
        assert not any(stream.running for stream in self.streams.values())

    def hear(self, block: np.ndarray) -> None:
        assert self.streams["input"].running
        self.streams["input"].callback(block, False)

    def play(self, size: int) -> np.ndarray:
        assert self.streams["output"].running
        out = np.full((size, self.channels["output"]), np.nan, np.float32)
        self.streams["output"].callback(out, False)
        return out


def make_session(card: FakeCard, *, model: Path = UNIT, gains_db: dict[str, float] | None = None, **options):
    separator = StreamingSeparator(model=model, repair=True)
    mixer = Mixer(RATE, gains_db or {"vocals": 0.0, "accompaniment": 0.0})
    session = LiveSession(separator, card, mixer, clock=lambda: card.now, **options)
    session.open()
    return session


def work(session: LiveSession) -> None:
    while session.work():
        pass


def through(session: LiveSession, card: FakeCard, x: np.ndarray, block: int) -> np.ndarray:
    """What is played while the session hears `x`, in blocks; one in, the work, one out."""
    played = []
    for start in range(0, len(x), block):
        part = x[start : start + block]
        card.hear(part)
        work(session)
        played.append(card.play(len(part)))
        card.now += len(part) / card.rate
    return np.concatenate(played)


def separated(x: np.ndarray, model: Path = UNIT) -> np.ndarray:
    """The plain sum of both stems, as the stream gives them."""
    stems = StreamingSeparator(model=model).push(x)
    return stems["vocals"] + stems["accompaniment"]


def assert_delayed(played: np.ndarray, expected: np.ndarray, delay: int, start: int = 0) -> None:
    """From `start` on: a long first block is silent, and what it would have held has been dropped."""
    expected = np.pad(expected, ((delay, 0), (0, 0)))
    np.testing.assert_array_equal(played[start:], expected[start : len(played)])


# The whole way.


@pytest.mark.parametrize("block", [64, 441, 512, 1000, 4096])
@pytest.mark.parametrize("graph", ["mask", "waveform"])
def test_what_is_played_is_the_stream_to_the_bit(music, block, graph):
    card, x, model = FakeCard(), music(1.0), GOLDEN / f"unit-{graph}-float32.tflite"
    session = make_session(card, model=model)
    played = through(session, card, x, block)
    assert_delayed(played, separated(x, model), BUFFER, 4096)
    with pytest.raises(AssertionError):  # one sample off is seen
        assert_delayed(played, separated(x, model), BUFFER + 1, 4096)
    with pytest.raises(AssertionError):  # and one sample lost
        assert_delayed(np.delete(played, 30000, axis=0), separated(x, model), BUFFER, 4096)
    stats = session.stats()
    assert (stats.underruns, stats.overruns, stats.silent_samples, stats.lost_samples) == (0, 0, 0, 0)
    expected = 1000 * (LATENCY / RATE + 2 * 0.01)
    assert stats.latency_parts_ms["network"] + stats.latency_parts_ms["input"] + stats.latency_parts_ms[
        "output"
    ] == pytest.approx(expected)


def test_the_shipped_model_as_well(music):
    card, x = FakeCard(), music(0.5)
    separator = StreamingSeparator(DEFAULT_PRESET, repair=True)
    session = LiveSession(separator, card, Mixer(RATE, {"vocals": 0.0, "accompaniment": 0.0}), clock=lambda: card.now)
    session.open()
    assert_delayed(through(session, card, x, 512), separated(x, separator.model), BUFFER)


@pytest.mark.parametrize("rate", [48000, 16000, 96000])
def test_a_device_of_another_rate(music, rate):
    card, x = FakeCard(rate=rate), music(2.0, rate)
    session = make_session(card, gains_db={"vocals": 0.0, "accompaniment": MUTE_DB})
    played = through(session, card, x, 512)
    stats = session.stats()
    assert (stats.underruns, stats.overruns) == (0, 0)
    # The unit model's voice is what it hears, so all that is left is the delay, of a whole number of samples within
    # the resamplers' reach, and what they cut off just below half the lower rate.
    fft = 1 << 18
    cross = np.fft.irfft(np.fft.rfft(played[:, 0], fft) * np.conj(np.fft.rfft(x[:, 0], fft)))
    delay = int(np.argmax(cross))
    middle = slice(rate // 2, -rate // 2)
    error = played[delay:][middle] - x[: len(played) - delay][middle]
    algorithmic = LATENCY / RATE * rate
    assert delay > algorithmic
    assert np.abs(error).max() < 0.02  # what a fraction of a sample makes of sounds below 3 kHz
    later = played[delay + 3 :][middle] - x[: len(played) - delay - 3][middle]
    assert np.abs(later).max() > 0.05  # three samples would be seen
    assert stats.latency_parts_ms["resampling"] > 0
    assert stats.latency_ms - 20 == pytest.approx(1000 * delay / rate, abs=25)  # soxr gives in bursts


@pytest.mark.parametrize(("inputs", "outputs"), [(1, 1), (1, 2), (2, 1), (4, 6)])
def test_channels(music, inputs, outputs):
    card, x = FakeCard(inputs=inputs, outputs=outputs), music(0.5, RATE, inputs)
    played = through(make_session(card), card, x, 512)
    expected = separated(np.repeat(x, 2, axis=1) if inputs == 1 else x[:, :2])
    if outputs == 1:
        expected = expected.mean(axis=1, keepdims=True)
    assert_delayed(played[:, :2], expected, BUFFER)
    np.testing.assert_array_equal(played[:, 2:], 0.0)


def test_bad_samples_are_silenced_and_counted(music):
    card, x = FakeCard(), music(1.0)
    x[20000, 0], x[20001, 1], x[20002] = np.nan, -np.inf, 1e30
    session = make_session(card)
    session.mixer.bypass = True  # the original, too, is repaired
    played = through(session, card, x, 512)
    good = np.where(np.abs(x) < 10, x, np.float32(0))
    np.testing.assert_array_equal(played[10000:], np.pad(good, ((LATENCY + BUFFER, 0), (0, 0)))[10000 : len(played)])
    assert session.stats().repaired_samples == 4
    session.mixer.bypass = False
    assert np.isfinite(through(session, card, x, 512)).all()


# What goes wrong.


def test_a_late_step_is_one_underrun_and_the_stream_goes_on_where_it_was(music):
    card, x = FakeCard(), music(2.0)
    session = make_session(card)
    first = through(session, card, x[:20480], 512)
    gap = []
    for start in range(20480, 25600, 512):  # the worker sleeps, the card does not
        card.hear(x[start : start + 512])
        gap.append(card.play(512))
    rest = through(session, card, x[25600:], 512)
    played, stats = np.concatenate([first, *gap, rest]), session.stats()
    assert stats.underruns == 1
    assert stats.silent_samples > 0
    expected = np.pad(separated(x), ((BUFFER, 0), (0, 0)))[: len(played)]
    begin = 20480 + BUFFER  # all that lay ready has been played
    end = begin + stats.silent_samples
    np.testing.assert_array_equal(played[:begin], expected[:begin])
    np.testing.assert_array_equal(played[begin:end], 0.0)
    # Then it is as late as before: what has become old in the meantime is gone, and counted.
    np.testing.assert_array_equal(played[end:], expected[end:])
    assert (stats.overruns, stats.lost_samples) == (1, stats.silent_samples)


def test_a_late_callback_costs_nothing_that_the_buffer_holds(music):
    card, x = FakeCard(), music(1.0)
    session = make_session(card, buffer_ms=100.0)
    played = []
    for start in range(0, len(x) - 2048, 2048):  # the card calls in bursts of four, late
        for i in range(4):
            card.hear(x[start + 512 * i : start + 512 * (i + 1)])
        work(session)
        played += [card.play(512) for _ in range(4)]
    played = np.concatenate(played)
    assert session.stats().underruns == 0
    assert_delayed(played, separated(x), int(np.flatnonzero(np.abs(played).max(axis=1))[0]) - LATENCY)


def test_a_worker_that_stands_still_loses_the_newest_then_the_oldest_and_says_so(music):
    card, x = FakeCard(), music(8.0)
    session = make_session(card)
    through(session, card, x[:44100], 512)
    for start in range(44100, len(x), 512):
        card.hear(x[start : start + 512])
        card.play(len(x[start : start + 512]))
    stalled = session.stats()
    assert stalled.underruns == 1
    assert stalled.overruns > 0  # the ring was full
    through(session, card, x, 512)
    stats = session.stats()
    assert stats.underruns <= 2
    assert stats.lost_samples > stalled.lost_samples
    assert stats.latency_ms < 250


def test_a_clock_that_runs_fast_is_an_overrun_once_in_a_while(music):
    card, x = FakeCard(), music(4.0)
    session = make_session(card)
    for start in range(0, len(x), 512):
        card.hear(x[start : start + 512])
        work(session)
        card.play(505)
    stats = session.stats()
    assert stats.underruns == 0
    assert 1 <= stats.overruns < 10
    assert 1000 * stats.lost_samples / RATE < 1000 * 4 * 7 / 512


def test_a_device_that_goes_and_comes_back(music):
    card, x, said = FakeCard(), music(1.0), []
    session = make_session(card, notify=said.append)
    through(session, card, x, 512)
    session.watch()
    assert not said
    card.present = False
    card.streams["output"].finished = True
    session.watch()
    assert session.stats().waiting
    assert len(said) == 1
    assert "speakers" in said[0]
    assert not card.streams["input"].running
    for _ in range(50):
        card.now += 0.1
        session.watch()
    assert 3 <= card.rescans <= 6  # about one a second
    assert len(said) == 1
    card.present = True
    card.now += 1.1
    session.watch()
    stats = session.stats()
    assert (len(said), stats.waiting, stats.losses) == (2, False, 1)
    played = through(session, card, x, 512)
    assert np.abs(played[-10000:]).max() > 0.1
    # A device may also just stop calling.
    card.now += 5.0
    session.watch()
    assert session.stats().losses == 2


def test_the_file_goes_on_where_the_device_left_it_even_at_another_rate(music, tmp_path):
    soundfile.write(tmp_path / "song.wav", music(2.0), RATE, subtype="FLOAT")
    source = FileSource(tmp_path / "song.wav", 2)
    source.start()
    card = FakeCard()
    session = make_session(card, source=source)
    first = [played_by(session, card) for _ in range(40)]
    card.streams["output"].finished = True
    session.watch()
    card.now += 2.0
    session.watch()
    rest = []
    while not session.done:
        rest.append(played_by(session, card))
    source.close()
    played = np.concatenate(first + rest)
    stats = session.stats()
    assert (stats.underruns, stats.overruns, stats.losses) == (0, 0, 1)
    expected = separated(np.pad(music(2.0), ((0, LATENCY), (0, 0))))
    start = len(played) - len(expected)
    silent = int(np.flatnonzero(np.abs(played).max(axis=1))[0]) - LATENCY
    assert silent >= 0
    assert start >= 0
    np.testing.assert_array_equal(played[silent : silent + len(expected)], expected)


def played_by(session: LiveSession, card: FakeCard, size: int = 512) -> np.ndarray:
    """A block played from a file; what the file's thread has not yet read is waited for."""
    while session.work() or (session._playback.ring.available < size + session._playback.target and not ended(session)):
        pass
    card.now += size / card.rate
    return card.play(size)


def ended(session: LiveSession) -> bool:
    return session._finished


def test_opening_fails_with_a_line_when_nothing_is_there():
    card = FakeCard()
    card.present = False
    with pytest.raises(AudioError, match="no such device"):
        make_session(card)


# Parts.


@pytest.fixture
def busy_threads() -> Iterator[None]:
    """Threads take turns a hundred times more often: neither waits long, and each is interrupted anywhere."""
    before = sys.getswitchinterval()
    sys.setswitchinterval(5e-5)
    yield
    sys.setswitchinterval(before)


@pytest.mark.usefixtures("busy_threads")
def test_the_ring_gives_every_sample_once_and_in_order():
    """Two threads at full speed, blocks of every size."""
    ring, total = RingBuffer(1000, 2), 50_000
    numbers = np.arange(total, dtype=np.float32)[:, np.newaxis] * [1, -1]
    received = np.zeros((total, 2), np.float32)

    def produce() -> None:
        rng, at = np.random.default_rng(1), 0
        while at < total:
            at += ring.write(numbers[at : at + int(rng.integers(0, 700))])

    thread = threading.Thread(target=produce)
    thread.start()
    rng, at = np.random.default_rng(2), 0
    while at < total:
        at += ring.read_into(received[at : at + int(rng.integers(0, 700))])
    thread.join()
    np.testing.assert_array_equal(received, numbers)
    assert (ring.written, ring.taken, ring.available, ring.free) == (total, total, 0, 1000)


def test_the_ring_counts_samples_once_they_are_copied():
    """Whichever thread is interrupted, and wherever: the other one takes nothing that is not there yet."""
    ring, seen = RingBuffer(5, 1), []

    class Block:
        """Notes what the ring counts while it is read from or written to."""

        def __len__(self) -> int:
            return 4

        def __getitem__(self, part: slice) -> np.ndarray:
            seen.append((ring.written, ring.taken))
            return np.ones((4, 1), np.float32)[part]

        def __setitem__(self, part: slice, samples: np.ndarray) -> None:
            seen.append((ring.written, ring.taken))
            assert (samples == 1).all()

    block: Any = Block()
    assert (ring.write(block), ring.read_into(block), ring.write(block), ring.read_into(block)) == (4, 4, 4, 4)
    assert seen == [(0, 0)] * 2 + [(4, 0)] * 2 + [(4, 4)] * 2 + [(8, 4)] * 2


def test_the_ring_takes_what_fits_and_drops_what_it_is_told_to():
    ring, out = RingBuffer(5, 1), np.full((9, 1), np.nan, np.float32)
    assert ring.write(np.arange(7, dtype=np.float32)[:, np.newaxis]) == 5
    assert ring.write(np.zeros((1, 1), np.float32)) == 0
    assert (ring.skip(2), ring.skip(-3)) == (2, 0)
    assert ring.write(np.float32([[7], [8], [9]])) == 2
    assert ring.read_into(out) == 5
    assert out[:5, 0].tolist() == [2, 3, 4, 7, 8]
    assert np.isnan(out[5:]).all()
    assert (ring.skip(1), ring.read_into(out)) == (0, 0)
    with pytest.raises(ValueError, match="at least 1"):
        RingBuffer(0, 2)


def test_playback_counts_a_gap_once_and_waits_for_its_target():
    ring, out = RingBuffer(1000, 1), np.zeros((10, 1), np.float32)
    playback = Playback(ring, 20, clock=lambda: 0.0)
    ones = np.ones((1000, 1), np.float32)

    def heard() -> int:
        out[:] = np.nan
        playback(out)
        return int(out.sum())

    ring.write(ones[:29])
    assert (heard(), playback.underruns) == (0, 0)
    ring.write(ones[:1])
    assert [heard() for _ in range(3)] == [10, 10, 10]
    ring.write(ones[:4])
    assert (heard(), playback.underruns, playback.silent_samples) == (4, 1, 6)
    ring.write(ones[:29])
    assert (heard(), playback.underruns, playback.silent_samples) == (0, 1, 16)
    ring.write(ones[:1])
    assert (heard(), playback.silent_samples) == (10, 16)
    playback.draining = True
    assert [heard() for _ in range(4)] == [10, 10, 0, 0]
    assert (playback.underruns, playback.silent_samples) == (1, 16)
    playback(out, xrun=True)
    assert playback.underruns == 2


def test_levels():
    mixer = Mixer(RATE, {"vocals": 0.0, "accompaniment": -60.0})
    rng = np.random.default_rng(3)
    original, vocals, accompaniment = rng.normal(size=(3, 4000, 2)).astype(np.float32)

    def mix() -> np.ndarray:
        return mixer(original, {"vocals": vocals, "accompaniment": accompaniment})

    np.testing.assert_array_equal(mix(), vocals)
    mixer.set_gain("accompaniment", 0.0)
    ramp = round(RAMP_S * RATE)
    moving = mix()
    assert np.abs(moving[:1] - vocals[:1]).max() < 0.01  # begins where it was
    np.testing.assert_array_equal(moving[ramp:], (vocals + accompaniment)[ramp:])
    np.testing.assert_array_equal(mix(), vocals + accompaniment)
    mixer.change_gain("vocals", -6.0)
    mix()
    np.testing.assert_allclose(mix(), np.float32(10 ** (-6 / 20)) * vocals + accompaniment, atol=1e-6)
    mixer.toggle_mute("vocals")
    mix()
    np.testing.assert_array_equal(mix(), accompaniment)
    mixer.toggle_mute("vocals")
    assert mixer.gain_db("vocals") == -6.0
    mixer.change_gain("vocals", 100.0)
    assert mixer.gain_db("vocals") == 20.0
    mixer.bypass = True
    assert np.abs(mix()[-1] - original[-1]).max() == 0
    np.testing.assert_array_equal(mix(), original)


def test_a_ramp_is_a_line_however_it_is_cut():
    whole, cut = Ramp(1.0, 882), Ramp(1.0, 882)
    whole.target = cut.target = 0.25
    line = np.asarray(whole(2000))[:, 0]
    parts = [np.broadcast_to(cut(size), (size, 1)) for size in (1, 100, 700, 400, 799)]
    np.testing.assert_allclose(np.concatenate(parts)[:, 0], line, atol=1e-6)
    np.testing.assert_allclose(np.diff(line[:882]), -0.75 / 882, atol=1e-6)
    assert line[881] == line[-1] == 0.25
    assert whole(5) == np.float32(0.25)


def test_the_original_is_heard_in_time(music):
    """A/B: what is switched to lies where the stems lay."""
    card, x = FakeCard(), music(1.0)
    session = make_session(card, gains_db={"vocals": 0.0, "accompaniment": -60.0})
    played = through(session, card, x[:22050], 512)
    session.mixer.bypass = True
    played = np.concatenate([played, through(session, card, x[22050:], 512)])
    expected = np.pad(x, ((LATENCY + BUFFER, 0), (0, 0)))[: len(played)]
    np.testing.assert_allclose(played, expected, atol=1e-5)  # the unit model's voice is the original
    np.testing.assert_array_equal(played[30000:], expected[30000:])


@pytest.mark.parametrize("format", ["wav", "flac"])
def test_the_recording_of_a_file_is_what_separate_makes(music, tmp_path, format):
    x = music(1.3)
    soundfile.write(tmp_path / "song.wav", x, RATE, subtype="FLOAT")
    source = FileSource(tmp_path / "song.wav", 2)
    source.start()
    card, separator = FakeCard(), StreamingSeparator(DEFAULT_PRESET, repair=True)
    recorder = Recorder(tmp_path / "new" / "out", separator.spec, format=format)
    mixer = Mixer(RATE, {"vocals": -20.0, "accompaniment": 3.0})  # are heard, not recorded
    session = LiveSession(separator, card, mixer, source=source, recorder=recorder, clock=lambda: card.now)
    session.open()
    while not session.done:
        played_by(session, card)
    session.close()
    paths = recorder.close()
    assert sorted(p.name for p in paths) == [f"{n}.{format}" for n in ("accompaniment", "mixture", "vocals")]
    expected = {**Separator(DEFAULT_PRESET).separate(x, RATE), "mixture": x}
    for path in paths:
        recorded = soundfile.read(path, dtype="float32")[0]
        if format == "wav":
            np.testing.assert_array_equal(recorded, expected[path.stem])
        else:
            np.testing.assert_allclose(recorded, np.clip(expected[path.stem], -1, 1), atol=2**-23)
    assert sorted(p.name for p in (tmp_path / "new" / "out").iterdir()) == sorted(p.name for p in paths)


@pytest.mark.parametrize("rate", [48000, 22050])
def test_a_recording_has_the_songs_length(music, tmp_path, rate):
    soundfile.write(tmp_path / "song.wav", music(1.0, rate, 1), rate, subtype="FLOAT")
    source = FileSource(tmp_path / "song.wav", 2)
    source.start()
    card = FakeCard()
    spec = StreamingSeparator(model=UNIT).spec
    recorder = Recorder(tmp_path / "out", spec)
    session = make_session(card, source=source, recorder=recorder)
    while not session.done:
        played_by(session, card)
    session.close()
    recorder.close()
    vocals = soundfile.read(tmp_path / "out" / "vocals.wav")[0]
    expected = np.repeat(soxr.resample(music(1.0, rate, 1), rate, RATE), 2, axis=1)
    assert vocals.shape == expected.shape == (RATE, 2)
    np.testing.assert_allclose(vocals, expected, atol=1e-5)


def test_a_recording_of_a_device_stopped_at_any_time_is_aligned(music, tmp_path):
    card, x = FakeCard(), music(0.7)
    recorder = Recorder(tmp_path, StreamingSeparator(model=UNIT).spec)
    session = make_session(card, recorder=recorder)
    through(session, card, x, 500)
    session.close()
    recorder.close()
    np.testing.assert_array_equal(soundfile.read(tmp_path / "mixture.wav", dtype="float32")[0], x)
    np.testing.assert_allclose(soundfile.read(tmp_path / "vocals.wav", dtype="float32")[0], x, atol=1e-5)


def test_looping_has_no_seam_and_duration_ends_it(music, tmp_path):
    x = music(0.3)
    soundfile.write(tmp_path / "song.wav", x, RATE, subtype="FLOAT")
    source = FileSource(tmp_path / "song.wav", 2, loop=True)
    source.start()
    card = FakeCard()
    recorder = Recorder(tmp_path / "out", StreamingSeparator(model=UNIT).spec)
    session = make_session(card, source=source, recorder=recorder, duration=0.75)
    while not session.done:
        played_by(session, card)
    session.close()
    recorder.close()
    mixture = soundfile.read(tmp_path / "out" / "mixture.wav", dtype="float32")[0]
    np.testing.assert_array_equal(mixture, np.concatenate([x, x, x])[: round(0.75 * RATE)])


def test_recordings_are_not_replaced_unasked_and_leave_no_trace(tmp_path):
    spec = StreamingSeparator(model=UNIT).spec
    assert Recorder(tmp_path / "a" / "b", spec).close() == []
    assert list(tmp_path.iterdir()) == []
    (tmp_path / "mixture.wav").write_text("mine")
    with pytest.raises(AudioError, match=r"mixture\.wav: there already"):
        Recorder(tmp_path, spec)
    assert [p.name for p in tmp_path.iterdir()] == ["mixture.wav"]
    recorder = Recorder(tmp_path, spec, overwrite=True)
    recorder.put({name: np.ones((10, 2), np.float32) for name in ("vocals", "accompaniment", "mixture")})
    recorder.close()
    assert soundfile.info(tmp_path / "mixture.wav").frames == 10


def test_damage_is_said_and_what_was_heard_is_recorded(music, tmp_path):
    x = music(1.0)
    x[30000] = np.nan
    soundfile.write(tmp_path / "song.wav", x, RATE, subtype="FLOAT")
    source = FileSource(tmp_path / "song.wav", 2)
    source.start()
    card, recorder = FakeCard(), Recorder(tmp_path / "out", StreamingSeparator(model=UNIT).spec)
    session = make_session(card, source=source, recorder=recorder)

    def play() -> None:
        while not session.done:
            played_by(session, card)

    with pytest.raises(AudioError, match="finite"):
        play()
    session.close()
    assert len(recorder.close()) == 3
    assert 0 < soundfile.info(tmp_path / "out" / "vocals.wav").frames <= 30000


def test_devices_are_found_by_number_or_name():
    devices = [
        Device(0, "USB microphone", "ALSA", 1, 0, 48000.0),
        Device(1, "USB speakers", "ALSA", 0, 2, 48000.0, is_default_output=True),
        Device(2, "USB microphone", "JACK", 1, 0, 48000.0),
        Device(3, "line", "ALSA", 2, 2, 44100.0),
        Device(4, "line two", "ALSA", 2, 2, 44100.0),
    ]
    assert find_device(devices, "output", None).index == 1
    assert find_device(devices, "output", "SPEAK").index == 1
    assert find_device(devices, "input", "2").index == 2
    assert find_device(devices, "input", "microphone, JACK").index == 2
    assert find_device(devices, "input", "line").index == 3  # the whole name
    for kind, wanted, expected in [
        ("input", None, "no default input"),
        ("input", "usb", "more than one: 0 USB microphone, ALSA; 2 USB microphone, JACK"),
        ("input", "1", "there are: 0 USB"),
        ("output", "violin", "'violin', there are: 1 USB speakers, ALSA; 3"),
    ]:
        with pytest.raises(AudioError, match=expected):
            find_device(devices, kind, wanted)


# What the user sees and presses.


def test_keys_change_the_mix():
    mixer = Mixer(RATE, {"vocals": 0.0, "accompaniment": 0.0})
    for key in ("up", "up", "left", "x"):
        press(mixer, key)
    assert (mixer.gain_db("vocals"), mixer.gain_db("accompaniment")) == (2.0, -1.0)
    press(mixer, "v")
    press(mixer, "a")
    assert (mixer.gain_db("vocals"), mixer.gain_db("accompaniment")) == (-60.0, -60.0)
    press(mixer, "v")
    assert mixer.gain_db("vocals") == 2.0
    press(mixer, "0")
    assert (mixer.gain_db("vocals"), mixer.gain_db("accompaniment")) == (0.0, 0.0)
    press(mixer, " ")
    assert mixer.bypass
    press(mixer, " ")
    assert not mixer.bypass


@needs_posix
def test_keys_come_one_by_one_and_the_terminal_stays_as_it_was():
    import pty
    import termios

    ours, theirs = pty.openpty()
    before = termios.tcgetattr(theirs)
    # A terminal of its own, in the foreground of it, is what a process in a new session has.
    code = (
        "import fcntl, os, sys, termios\n"
        "from keras_sep.live.terminal import Keys\n"
        "fcntl.ioctl(0, termios.TIOCSCTTY, 0)\n"
        "with Keys() as keys:\n"
        "    print('ready', keys.usable, flush=True)\n"
        "    found = []\n"
        "    while 'q' not in found: found += keys.read(0.1)\n"
        "print(found, flush=True)\n"
    )
    command = [sys.executable, "-c", code]
    with subprocess.Popen(command, stdin=theirs, stdout=subprocess.PIPE, text=True, start_new_session=True) as process:
        assert process.stdout.readline() == "ready True\n"
        for data in (b"v\x1b[A\x1bOB", b"\x1b", b"[", b"C ", b"q"):
            os.write(ours, data)
        assert process.stdout.readline() == "['v', 'up', 'down', 'right', ' ', 'q']\n"
    assert termios.tcgetattr(theirs)[3] == before[3]
    os.close(ours)
    os.close(theirs)


def test_without_a_terminal_there_are_plain_lines_and_no_keys(music, capsys):

    card = FakeCard()
    session = make_session(card)
    through(session, card, music(0.5), 512)
    with Keys(io.StringIO()) as keys:
        terminal, stream = Terminal(keys, stream=(stream := io.StringIO())), stream
        assert terminal.tick(session)
        assert stream.getvalue() == ""
        card.now = 11.0
        assert terminal.tick(session)
        assert terminal.tick(session)
    lines = stream.getvalue().splitlines()
    assert len(lines) == 1
    assert "0 underruns (0 samples), 0 overruns (0 samples), load" in lines[0]
    assert "latency" in lines[0]


@pytest.mark.parametrize(("usable", "quiet", "lines"), [(True, False, 1), (True, True, 0), (False, False, 0)])
def test_the_keys_are_explained_where_there_are_any(usable, quiet, lines):

    with Keys(io.StringIO()) as keys:
        keys.usable, stream = usable, io.StringIO()
        Terminal(keys, quiet=quiet, stream=stream).explain_keys()
    assert stream.getvalue().splitlines() == [f"keras-sep: keys: {KEYS_HELP}"] * lines


def test_the_line_says_what_is_going_on(music):
    card = FakeCard()
    session = make_session(card)
    through(session, card, 3 * music(0.5), 512)
    line = status_line(session.stats(), session.mixer)
    assert "out ########!" in line
    assert "voice" in line
    assert "+0 dB" in line
    assert "under 0 over 0" in line
    session.mixer.toggle_mute("vocals")
    session.mixer.bypass = True
    line = status_line(session.stats(), session.mixer)
    assert " muted" in line
    assert "ORIGINAL" in line
    assert "(input 10, buffers" in summary(session.stats())


# The command's mistakes.


@pytest.mark.parametrize(
    ("arguments", "expected"),
    [
        (("--vocals", "loud"), "expected dB"),
        (("--vocals", "21"), "expected dB"),
        (("--accompaniment", "nan"), "expected dB"),
        (("--buffer", "-1"), "0 to 2000 milliseconds"),
        (("--buffer", "2001"), "0 to 2000 milliseconds"),
        (("--block-size", "many"), "0 to 16384 samples"),
        (("--sample-rate", "7999"), "8000 to 192000 Hz"),
        (("--duration", "0"), "more than 0"),
        (("--format", "au"), "invalid choice"),
        (("--file", "a", "--input-device", "b"), "not allowed with"),
        (("--preset", "a", "--model", "b"), "not allowed with"),
    ],
)
def test_bad_options_are_one_line(arguments, expected):
    result = here("live", *arguments)
    assert (result.returncode, result.stdout) == (2, "")
    assert len(result.stderr.splitlines()) == 1, result.stderr
    assert expected in result.stderr


@pytest.mark.parametrize("run", WAYS)
@pytest.mark.parametrize(
    ("code", "expected"),
    [
        ("raise ImportError('none')", 'pip install "keras-sep[live]"'),
        ("raise OSError('PortAudio library not found')", "libportaudio2"),
    ],
    ids=["sounddevice", "PortAudio"],
)
def test_without_sounddevice_or_portaudio(sounddevice, tmp_path, run, code, expected):
    sounddevice(code)
    for arguments in (("--list-devices",), ("--file", "song.wav", "--record", tmp_path / "out")):
        result = run("live", *arguments)
        assert (result.returncode, result.stdout) == (1, "")
        assert len(result.stderr.splitlines()) == 1
        assert expected in result.stderr
    assert not (tmp_path / "out").exists()


@pytest.mark.parametrize("run", WAYS)
def test_bad_inputs_are_one_line_and_leave_nothing(sounddevice, music, tmp_path, run):
    sounddevice(SILENT)
    song, there = tmp_path / "song.wav", tmp_path / "there"
    soundfile.write(song, music(0.1), RATE)
    there.mkdir()
    (there / "vocals.wav").write_text("mine")
    result = run("live", "--list-devices")
    assert result.stdout.splitlines() == [
        "0: microphone, Fake: 2 in, 0 out, 44100 Hz (default input)",
        "1: speakers, Fake: 0 in, 2 out, 44100 Hz (default output)",
    ]
    out = ("--record", tmp_path / "out" / "deep")
    for arguments, expected in [
        (("--file", tmp_path / "none.wav", *out), "none.wav: cannot read"),
        (("--loop",), "--file"),
        (("--file", song, "--format", "flac"), "--record"),
        (("--file", song, "--overwrite"), "--record"),
        (("--file", song, "--output-device", "violin", *out), "there are: 1 speakers, Fake"),
        (("--input-device", "1", *out), "there are: 0 microphone, Fake"),
        (("--file", song, *out), "speakers, Fake: cannot open it: Device unavailable"),
        (("--file", song, "--record", there), "vocals.wav: there already; --overwrite"),
        (("--model", song), "song.wav"),
    ]:
        result = run("live", *arguments)
        assert (result.returncode, result.stdout) == (1, ""), (arguments, result.stderr)
        assert len(result.stderr.splitlines()) == 1, result.stderr
        assert expected in result.stderr
        assert not (tmp_path / "out").exists()
        assert [path.name for path in there.iterdir()] == ["vocals.wav"]


def take_terminal() -> None:
    """Makes standard input the terminal that controls a new session: who closes it ends the session."""
    import fcntl
    import termios

    fcntl.ioctl(0, termios.TIOCSCTTY, 0)


SESSION = {"start_new_session": True, "preexec_fn": take_terminal}


@needs_posix
@pytest.mark.command
@pytest.mark.parametrize("stop", ["SIGINT", "SIGTERM", "SIGHUP"])
def test_whatever_ends_it_keeps_the_recording(sounddevice, music, tmp_path, stop):
    """As a terminal that is closed does it, which then cannot be written to; and more of the kind change nothing."""
    sounddevice(PLAYING)
    x, out = np.tile(music(1.0), (60, 1)), tmp_path / "out"
    soundfile.write(tmp_path / "song.wav", x, RATE, subtype="FLOAT")
    ours, terminal = os.openpty()
    code = "import signal, sys; signal.signal(signal.SIGINT, signal.default_int_handler)\n"
    code += "from keras_sep.cli import main; sys.exit(main())"
    command = [sys.executable, "-c", code, "live", "--file", tmp_path / "song.wav", "--record", out, "--model", UNIT]
    streams = dict.fromkeys(("stdin", "stdout", "stderr"), terminal)
    with subprocess.Popen(list(map(os.fspath, command)), **streams, **SESSION) as process:
        os.close(terminal)
        deadline = time.monotonic() + 60
        while not any(part.stat().st_size > 100_000 for part in out.rglob("*.part")):
            assert process.poll() is None
            assert time.monotonic() < deadline
            time.sleep(0.02)
        if stop == "SIGHUP":
            os.close(ours)  # the system sends it
        else:
            for _ in range(3):
                os.killpg(process.pid, getattr(signal, stop))
        assert process.wait(60) == 130
    if stop != "SIGHUP":
        os.close(ours)
    assert sorted(path.name for path in out.iterdir()) == ["accompaniment.wav", "mixture.wav", "vocals.wav"]
    lengths = {soundfile.info(path).frames for path in out.iterdir()}
    assert len(lengths) == 1
    (length,) = lengths
    assert length > 10_000
    np.testing.assert_array_equal(soundfile.read(out / "mixture.wav", dtype="float32")[0], x[:length])
    np.testing.assert_allclose(soundfile.read(out / "vocals.wav", dtype="float32")[0], x[:length], atol=1e-5)


@needs_posix
def test_ctrl_c_while_the_recording_is_put_in_place(sounddevice, music, tmp_path, monkeypatch):
    """The song is over, and somebody waits no longer."""
    sounddevice(PLAYING)
    close = Recorder.close

    def interrupted(recorder: Recorder) -> list[Path]:
        os.kill(os.getpid(), signal.SIGINT)
        return close(recorder)

    monkeypatch.setattr(Recorder, "close", interrupted)
    soundfile.write(tmp_path / "song.wav", music(0.3), RATE, subtype="FLOAT")
    result = here("live", "--file", tmp_path / "song.wav", "--record", tmp_path / "out", "--model", UNIT, "--quiet")
    assert (result.returncode, result.stderr) == (0, "")
    assert {soundfile.info(path).frames for path in (tmp_path / "out").iterdir()} == {round(0.3 * RATE)}


@needs_posix
@pytest.mark.command
def test_a_terminal_that_goes_is_no_reason_to_stop(sounddevice, music, tmp_path):
    """Of what was told to ignore it, as by `nohup`."""
    sounddevice(PLAYING)
    soundfile.write(tmp_path / "song.wav", music(3.0), RATE, subtype="FLOAT")
    ours, terminal = os.openpty()
    command = ["nohup", sys.executable, "-m", "keras_sep.cli", "live", "--file", tmp_path / "song.wav"]
    command += ["--record", tmp_path / "out", "--model", UNIT]
    streams = {"stdin": terminal, "stdout": subprocess.DEVNULL, "stderr": terminal}
    with subprocess.Popen(list(map(os.fspath, command)), **streams, **SESSION) as process:
        os.close(terminal)
        deadline = time.monotonic() + 60
        while not any((tmp_path / "out").rglob("*.part")):
            assert process.poll() is None
            assert time.monotonic() < deadline
            time.sleep(0.02)
        os.close(ours)
        assert process.wait(60) == 0
    assert {soundfile.info(path).frames for path in (tmp_path / "out").iterdir()} == {3 * RATE}


@pytest.mark.parametrize(
    ("typed", "keys"),
    [
        ("\x1b[A", ["up"]),
        ("\x1bOD", ["left"]),
        ("a\x1b[Bq", ["a", "down", "q"]),
        ("\x1b[1;2A", []),  # with Shift
        ("\x1b[20~0", ["0"]),  # F9
        ("\x1bq", ["q"]),
        ("\x1b\x1b[C", ["right"]),
        ("\x1b[éq", ["[", "é", "q"]),  # of no key: the keys go on
    ],
)
def test_keys_of_several_bytes(typed, keys):
    with Keys(io.StringIO()) as whole, Keys(io.StringIO()) as bytewise:
        assert list(whole._decoded(typed)) == keys
        assert [key for byte in typed for key in bytewise._decoded(byte)] == keys


@pytest.mark.parametrize("rate", [8000, 11025])
@pytest.mark.parametrize("block", [8192, 16384])
def test_a_file_is_played_whole_by_a_device_of_large_blocks(music, tmp_path, rate, block):
    soundfile.write(tmp_path / "song.wav", music(8), RATE)
    source = FileSource(tmp_path / "song.wav", 2)
    source.start()
    card = FakeCard(rate=rate)
    session = make_session(card, source=source, block_size=block)
    heard = 0
    for _ in range(1000):
        if session.done:
            break
        work(session)
        heard += np.count_nonzero(card.play(block).any(axis=1))
        card.now += block / rate
        time.sleep(0.002)  # the file's thread reads on
    source.close()
    assert session.stats().lost_samples == 0
    assert heard / rate > 7.5  # without what is silent in the music


@needs_posix
def test_keys_of_a_terminal_that_goes(monkeypatch):
    ours, terminal = os.openpty()
    with os.fdopen(os.dup(terminal), "r") as stream, Keys(stream) as keys:
        assert not keys.usable  # another session's
    monkeypatch.setattr(os, "tcgetpgrp", lambda _: os.getpgrp())
    with os.fdopen(terminal, "r") as stream, Keys(stream) as keys:
        assert keys.usable
        os.write(ours, b"v")
        assert list(keys.read(1.0)) == ["v"]
        os.close(ours)
        assert list(keys.read(0.1)) == []
        assert list(keys.read(0.01)) == []


def test_parts_of_a_killed_recording_are_cleared_away(tmp_path):
    dead = subprocess.Popen([sys.executable, "-c", ""])
    dead.wait()
    part = tmp_path / f".vocals.wav.{dead.pid}.part"
    part.touch()
    Recorder(tmp_path, StreamingSeparator(model=UNIT).spec).close()
    assert not part.exists()


def test_damage_of_a_file_is_said(music, tmp_path):
    soundfile.write(tmp_path / "cut.wav", music(0.5), RATE)
    os.truncate(tmp_path / "cut.wav", 44 + 4 * 10000)
    source = FileSource(tmp_path / "cut.wav", 2)
    source.start()
    while not source.ended:
        time.sleep(0.01)
    assert source.error is None
    assert source.ring.available == 10000
    (warning,) = source.warnings
    assert "cut.wav: the file is cut off after 0.227 s; 0.273 s of 0.500 s are missing" in warning


def test_the_command_line_loads_no_sound_library_unasked():
    code = "import sys, keras_sep.cli as cli\ncli._parser()\nprint(*sys.modules)"
    modules = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout.split()
    assert not {"sounddevice", "soundfile", "soxr"} & set(modules)
