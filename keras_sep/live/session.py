"""Live session: the worker between the rings, the devices around them, and their figures."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from keras_sep.audio import LOUDEST
from keras_sep.errors import AudioError
from keras_sep.live.callbacks import Capture, Clock, Playback
from keras_sep.live.file_source import FileSource
from keras_sep.live.mixer import Mixer
from keras_sep.live.recorder import ORIGINAL, Recorder
from keras_sep.live.ring import RingBuffer
from keras_sep.live.sound_card import AudioInterface, Stream
from keras_sep.resampler import Resampler
from keras_sep.separator import StreamingSeparator

Array = npt.NDArray[np.float32]
DEFAULT_BUFFER_MS = 30.0
FILE_BUFFER_MS = 200.0  # the latency of a file is not audible
DEFAULT_BLOCK_SIZE = 512  # samples; PulseAudio by itself would choose 95
OUTPUT = "output"
_RING_S = 2.0  # capacity of a ring beyond the buffer
_NAP_S = 0.002  # between two looks of the worker at the ring; an event would need a lock in the callback
_SILENCE_S = 4.0  # without a callback, after which a device counts as gone; null sinks take up to 2 s to start
_RETRY_S = 1.0
_BACKLOG_S = 0.2
_FALL_DB_PER_S = 40.0  # of the peak meters


@dataclass(frozen=True)
class LiveStats:
    """Current figures of a session.

    Attributes:
        seconds: time since the session was made.
        underruns: number of gaps in the output.
        silent_samples: samples of silence in these gaps, at the device's rate.
        overruns: number of times that audio was dropped because too much was waiting.
        lost_samples: samples dropped then.
        latency_ms: latency from the input to the output in ms, the sum of `latency_parts_ms`.
        latency_parts_ms: its parts: "input" and "output" as the devices report them, "buffers" (mean of about the last
            half second), "resampling" and "network".
        load: time of the network over duration of the audio, in the last second.
        mean_load: the same over the whole session.
        step_p99_ms: 99th percentile of the network's time for a block of about one step, among the last thousand.
        peaks: slowly falling peak of each source, of "mixture" and of "output"; 1 is full scale.
        waiting: whether the session waits for a device that has gone.
        losses: number of times that a device has gone.
        repaired_samples: bad samples, as in `StreamingSeparator`.
        recoveries: restarts of the network, as in `StreamingSeparator`.

    Examples:
        >>> from keras_sep import StreamingSeparator
        >>> from keras_sep.live.mixer import Mixer
        >>> from keras_sep.live.session import LiveSession
        >>> mixer = Mixer(44100, {"vocals": 0.0, "accompaniment": 0.0})
        >>> interface = None  # in use: SoundCard()
        >>> stats = LiveSession(StreamingSeparator("small", repair=True), interface, mixer).stats()
        >>> round(stats.latency_ms, 1), stats.underruns
        (46.4, 0)
    """

    seconds: float
    underruns: int
    silent_samples: int
    overruns: int
    lost_samples: int
    latency_ms: float
    latency_parts_ms: dict[str, float]
    load: float
    mean_load: float
    step_p99_ms: float
    peaks: dict[str, float]
    waiting: bool
    losses: int
    repaired_samples: int
    recoveries: int


class LiveSession:
    """Session that takes sound from a device or a file, separates it, mixes the stems, and plays the mix.

    `run` does everything. Tests call `open`, the callbacks of the streams, `work` and `watch` themselves.

    The latency stays near the buffer: if about twice the buffer is waiting to be played, the oldest samples are
    dropped. With two devices whose clocks differ, this is a click now and then; time is not stretched.

    Args:
        separator: StreamingSeparator with `repair=True`.
        interface: sound system.
        mixer: Mixer for the separator's sources.
        source: file to play; None for an input device.
        input_device, output_device: device, as for `AudioInterface.open`.
        sample_rate: sample rate of the devices in Hz; None for the model's, or where a device cannot run at that, the
            one that it prefers.
        block_size: samples per callback; 0 leaves it to the system.
        buffer_ms: audio that is ready, beyond a block, when playing starts, in ms: the time by which a step may be
            late. The devices are asked to buffer as much themselves, for late callbacks. None for DEFAULT_BUFFER_MS,
            or with a file FILE_BUFFER_MS.
        duration: seconds of the source to play; None for all of it.
        recorder: Recorder of the stems and the mixture; closed by the caller.
        notify: function that is called with a line for the user.
        clock: function that returns the time in seconds.

    Attributes:
        done: whether the whole source has been played.

    Examples:
        >>> from types import SimpleNamespace
        >>> import numpy as np
        >>> from keras_sep import StreamingSeparator
        >>> from keras_sep.live.mixer import Mixer
        >>> from keras_sep.live.session import LiveSession
        >>> from keras_sep.live.sound_card import Device
        >>> callbacks = {}
        >>> class Interface:  # in place of SoundCard(), whose streams call the callbacks
        ...     def open(self, kind, device, sample_rates, block_size, latency, callback):
        ...         callbacks[kind] = callback
        ...         found = Device(0, "headset", "demo", 2, 2, 44100.0)
        ...         methods = {"start": lambda: None, "close": lambda: None}
        ...         return SimpleNamespace(
        ...             device=found, sample_rate=44100, num_channels=2, latency=0.01, finished=False, **methods
        ...         )
        >>> mixer = Mixer(44100, {"vocals": -60.0, "accompaniment": 0.0})
        >>> session = LiveSession(StreamingSeparator("small", repair=True), Interface(), mixer)
        >>> session.open()
        >>> callbacks["input"](np.zeros((512, 2), np.float32), False)
        >>> session.work()
        True
        >>> callbacks["output"](np.empty((512, 2), np.float32), False)
        >>> session.stats().underruns
        0
        >>> session.close()
    """

    def __init__(
        self,
        separator: StreamingSeparator,
        interface: AudioInterface,
        mixer: Mixer,
        *,
        source: FileSource | None = None,
        input_device: str | None = None,
        output_device: str | None = None,
        sample_rate: int | None = None,
        block_size: int = DEFAULT_BLOCK_SIZE,
        buffer_ms: float | None = None,
        duration: float | None = None,
        recorder: Recorder | None = None,
        notify: Callable[[str], None] = lambda line: None,
        clock: Clock = time.monotonic,
    ):
        self.separator, self.mixer = separator, mixer
        self.spec = separator.spec
        self._interface, self._source, self._recorder = interface, source, recorder
        self._wanted = {"input": input_device, "output": output_device}
        self._rates = [sample_rate] if sample_rate else [self.spec.sample_rate, 0]
        if buffer_ms is None:
            buffer_ms = FILE_BUFFER_MS if source else DEFAULT_BUFFER_MS
        self._block_size, self._buffer_s, self._duration = block_size, buffer_ms / 1000.0, duration
        self._notify, self._clock = notify, clock
        channels = self.spec.num_channels
        self._capture = Capture(RingBuffer(1, channels), clock)
        self._playback = Playback(RingBuffer(1, channels), 0, clock)
        self._streams: dict[str, Stream] = {}
        self._latencies: dict[str, float] = {}  # s, of each kind of stream, also after it has been closed
        self._formats: dict[str, tuple[int, int]] = {}  # (Hz, channels) that the rings were made for
        self._resample_in = self._resample_out = Resampler(1, 1, channels)
        self._changing = threading.Lock()  # held by the worker, and to change streams and rings
        self._stop = threading.Event()
        self._worker = threading.Thread(target=self._run, name="live", daemon=True)
        self._failure: BaseException | None = None
        self._finished = False
        self._left: int | None = None  # samples of the source still to play, with a `duration`
        self._late = separator.algorithmic_latency  # samples of silence that the recording leaves out
        self._delayed: Array = np.zeros((self._late, channels), np.float32)
        self._overruns = self._dropped = self._repaired = self._losses = 0
        self._opened, self._retry = clock(), 0.0
        self._waiting = False
        self._meters = dict.fromkeys((ORIGINAL, *self.spec.sources, OUTPUT), 0.0)
        self._busy = self._heard = 0.0  # s of work, s of audio
        self._second = (0.0, 0.0)  # both, at the start of the current second
        self._load = 0.0
        self._steps = np.zeros(1000)
        self._num_steps = 0
        self._fill_s: float | None = None

    # Devices: one thread.

    def open(self) -> None:
        """Opens and starts the streams.

        Raises:
            AudioError: a device that is missing or cannot be opened.
        """
        kinds: list[str] = ["output"] if self._source else ["input", "output"]
        how = self._block_size, self._buffer_s
        sides: dict[str, Capture | Playback] = {"input": self._capture, "output": self._playback}
        try:
            for kind in kinds:
                stream = self._interface.open(kind, self._wanted[kind], self._rates, *how, sides[kind])
                self._streams[kind], self._latencies[kind] = stream, stream.latency
                if (self._wanted[kind] or "").isdigit():  # numbers change when devices come and go
                    self._wanted[kind] = stream.device.label
            self._prepare()
            for stream in self._streams.values():
                stream.start()
        except BaseException:
            self._close_streams()
            raise

    def watch(self) -> None:
        """Notices devices that have gone, and opens them again when they are back; to be called often."""
        now = self._clock()
        if self._waiting:
            if now < self._retry:
                return
            try:
                with self._changing:
                    self._interface.rescan()
                    self.open()
            except AudioError:
                self._retry = self._clock() + _RETRY_S
                return
            self._waiting = False
            self._notify("the device is back")
            return
        for kind, stream in self._streams.items():
            side: Capture | Playback = self._capture if kind == "input" else self._playback
            if stream.finished or now - side.last > _SILENCE_S:
                self._losses += 1
                self._waiting, self._retry = True, now + _RETRY_S
                self._notify(f"{kind} device {stream.device.label} has gone; waiting for it")
                with self._changing:
                    self._close_streams()
                return

    def _prepare(self) -> None:
        """Makes rings and resamplers for the open streams; where the format is the same, keeps them as they are."""
        channels, model_rate = self.spec.num_channels, self.spec.sample_rate
        blocks = 4 * (self._block_size or 0)  # samples that a device may take or give at once, and as many again
        if self._source:
            rate = self._source.sample_rate
            self._capture.ring = self._source.ring
        else:
            rate = self._streams["input"].sample_rate
            self._capture.ring.skip(self._capture.ring.available)  # stale
        if self._formats.get("input") != (rate, channels):
            self._formats["input"] = rate, channels
            self._resample_in = Resampler(rate, model_rate, channels)
            if not self._source:
                self._capture.ring = RingBuffer(round((_RING_S + self._buffer_s) * rate) + blocks, channels)
            if self._left is None and self._duration is not None:
                self._left = round(self._duration * rate)
        output = self._streams["output"]
        playback = self._playback
        if self._formats.get("output") != (output.sample_rate, output.num_channels):
            self._formats["output"] = output.sample_rate, output.num_channels
            self._resample_out = Resampler(model_rate, output.sample_rate, channels)
            capacity = round((_RING_S + 3 * self._buffer_s) * output.sample_rate) + blocks
            playback.ring = RingBuffer(capacity, output.num_channels)
        self._aim()
        playback.restart()
        self._capture.last = playback.last = self._clock()

    def _close_streams(self) -> None:
        streams, self._streams = self._streams, {}
        for stream in streams.values():
            stream.close()

    # The work: one thread.

    def work(self) -> bool:
        """Separates up to one step of samples from the source into the playback ring.

        Returns:
            False if there was nothing to do.

        Raises:
            AudioError, ModelFileError: audio that cannot be read, separated or recorded.
        """
        if self._finished or not self._formats:
            return False
        if self._recorder and self._recorder.error:
            raise self._recorder.error
        source, ring = self._source, self._capture.ring
        rate_in, rate_out = self._formats["input"][0], self._formats["output"][0]
        playback = self._playback
        # Read before the ring's contents are counted: when the source has ended, that count is final.
        ended = self._left == 0 or bool(source and source.ended)
        if source is None:
            self._aim()
            room = playback.ring.capacity - 2 * self.spec.frame_step * rate_out // self.spec.sample_rate
        else:
            # A device that has run empty takes several blocks at once: twice as much is kept ready.
            room = 2 * playback.target + 2 * playback.largest
        if playback.ring.available >= room:
            return False
        size = min(-(-self.spec.frame_step * rate_in // self.spec.sample_rate), ring.available)
        if self._left is not None:
            size = min(size, self._left)
        if size == 0:
            if ended:
                self._finish()
                if source and source.error:
                    raise source.error
            return ended
        samples = np.empty((size, self.spec.num_channels), np.float32)
        ring.read_into(samples)
        if self._left is not None:
            self._left -= size
        good = np.abs(samples) <= LOUDEST  # before the resampler, which would spread bad ones; NaN is not good
        if not good.all():
            self._repaired += int(np.count_nonzero(~good))
            samples[~good] = 0.0
        self._separate(self._resample_in(samples))
        fill = playback.ring.available / rate_out
        if source is None:  # without the last block, which the device's latency includes
            fill += (ring.available - self._capture.largest) / rate_in
        self._fill_s = fill if self._fill_s is None else self._fill_s + 0.02 * (fill - self._fill_s)
        return True

    def _aim(self) -> None:
        """Sets how much is kept ready for playback, by the sizes of blocks; with a device, drops a backlog."""
        playback, capture = self._playback, self._capture
        rate_in, rate_out = self._formats["input"][0], self._formats["output"][0]
        block_in_s, block_out_s = capture.largest / rate_in, playback.largest / rate_out
        ready = self._buffer_s + self._resample_in.burst_s + self._resample_out.burst_s
        ready += max(0.0, block_in_s - block_out_s)
        playback.target = round(ready * rate_out)
        if self._source is None:
            most = ready + max(self._buffer_s, 0.02) + 2 * max(block_in_s, block_out_s)
            playback.limit = round(most * rate_out)
            backlog, usual = capture.ring.available / rate_in, block_in_s + block_out_s
            if backlog > most + _BACKLOG_S:  # would be dropped after separation
                self._overruns += 1
                self._dropped += capture.ring.skip(round((backlog - usual) * rate_in))

    def _separate(self, samples: Array) -> None:
        if not len(samples):
            return
        start = time.perf_counter()
        stems = self.separator.push(samples)
        elapsed = time.perf_counter() - start
        self._steps[self._num_steps % len(self._steps)] = elapsed
        self._num_steps += 1
        self._busy += elapsed
        self._heard += len(samples) / self.spec.sample_rate
        if self._heard - self._second[1] >= 1.0:
            self._load = (self._busy - self._second[0]) / (self._heard - self._second[1])
            self._second = self._busy, self._heard
        self._deliver(samples, stems)

    def _deliver(self, samples: Array, stems: dict[str, Array]) -> None:
        delayed = np.concatenate([self._delayed, samples])
        original, self._delayed = delayed[: len(samples)], delayed[len(samples) :]
        recorded = min(self._late, len(samples))
        self._late -= recorded
        if self._recorder and recorded < len(samples):
            parts = {**stems, ORIGINAL: original}
            self._recorder.put({name: part[recorded:] for name, part in parts.items()})
        mix = self.mixer(original, stems)
        for name, part in {ORIGINAL: samples, **stems, OUTPUT: mix}.items():
            fall = 10.0 ** (-_FALL_DB_PER_S / 20.0 * len(samples) / self.spec.sample_rate)
            self._meters[name] = max(float(np.abs(part).max()), fall * self._meters[name])
        self._play(self._resample_out(mix))

    def _play(self, mix: Array) -> None:
        channels = self._playback.ring.num_channels
        if channels == 1:
            mix = mix.mean(axis=1, keepdims=True)
        elif channels != mix.shape[1]:
            wide = np.zeros((len(mix), channels), np.float32)
            wide[:, : mix.shape[1]] = mix[:, :channels]
            mix = wide
        missing = len(mix) - self._playback.ring.write(mix)
        if missing:
            self._overruns += 1
            self._dropped += missing

    def _finish(self) -> None:
        """Plays and records what is still inside the network and the resamplers, at the end of the source."""
        if self._finished:
            return
        self._finished = True
        nothing: Array = np.zeros((0, self.spec.num_channels), np.float32)
        self._separate(self._resample_in(nothing, last=True))
        self._deliver(np.zeros_like(self._delayed), self.separator.flush())
        self._play(self._resample_out(nothing, last=True))
        self._playback.draining = True

    def _run(self) -> None:
        try:
            while not self._stop.is_set():
                with self._changing:
                    worked = self.work()
                if not worked:
                    time.sleep(_NAP_S)
        except BaseException as error:
            self._failure = error

    # Both together.

    @property
    def done(self) -> bool:
        return self._finished and self._playback.ring.available == 0

    def run(self, tick: Callable[[], bool]) -> None:
        """Plays until the source ends.

        Args:
            tick: function that is called repeatedly, should wait about a tenth of a second, may show `stats`, and
                returns False to stop.

        Raises:
            AudioError, ModelFileError: an error that ended the session; the recording is complete up to there.
        """
        try:
            self.open()
            if self._source:
                self._source.start()
            self._worker.start()
            while tick() and self._failure is None:
                if self.done:
                    # For what the device, and PulseAudio behind it, still hold.
                    time.sleep(self._latencies["output"] + 0.2)
                    break
                self.watch()
        finally:
            self.close()
        if self._failure is not None:
            raise self._failure

    def close(self) -> None:
        """Stops everything, and sends the end of the stems to the recorder."""
        self._stop.set()
        if self._worker.ident is not None:
            self._worker.join()
        self._close_streams()
        if self._source:
            self._source.close()
        if self._failure is None and self._formats:
            self._finish()

    def stats(self) -> LiveStats:
        """Returns the current figures; may be called at any time."""
        self._latencies.update({kind: stream.latency for kind, stream in self._streams.items()})
        inside = self._resample_in.delay_s + self._resample_out.delay_s
        parts = {
            "input": self._latencies.get("input", 0.0),
            "buffers": max(0.0, self._fill_s or 0.0),
            "resampling": inside,
            "network": self.separator.algorithmic_latency / self.spec.sample_rate,
            "output": self._latencies.get("output", 0.0),
        }
        steps = self._steps[: self._num_steps]
        return LiveStats(
            seconds=self._clock() - self._opened,
            underruns=self._playback.underruns,
            silent_samples=self._playback.silent_samples,
            overruns=self._overruns + self._capture.overruns + self._playback.overruns,
            lost_samples=self._dropped + self._capture.lost_samples + self._playback.lost_samples,
            latency_ms=1000.0 * sum(parts.values()),
            latency_parts_ms={name: 1000.0 * part for name, part in parts.items()},
            load=self._load or (self._busy / self._heard if self._heard else 0.0),
            mean_load=self._busy / self._heard if self._heard else 0.0,
            step_p99_ms=1000.0 * float(np.percentile(steps, 99)) if len(steps) else 0.0,
            peaks=dict(self._meters),
            waiting=self._waiting,
            losses=self._losses,
            repaired_samples=self._repaired + self.separator.repaired_samples,
            recoveries=self.separator.recoveries,
        )
