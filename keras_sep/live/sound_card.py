"""Sound devices and streams: an interface that tests can fake, and its implementation with sounddevice."""

from __future__ import annotations

import threading
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Protocol

import numpy as np
import numpy.typing as npt

from keras_sep.errors import AudioError

Array = npt.NDArray[np.float32]
Callback = Callable[[Array, bool], None]  # block (n, channels) to take or to fill; whether samples were lost before
_CLOSE_S = 2.0
_PLAUSIBLE_S = 5.0


@dataclass(frozen=True)
class Device:
    """Sound device, as the system lists it.

    Attributes:
        index: its number.
        name: its name.
        host: name of the sound system, such as "ALSA".
        num_inputs: number of input channels.
        num_outputs: number of output channels.
        sample_rate: preferred sample rate in Hz.
        is_default_input: whether it is the system's default for input.
        is_default_output: whether it is the system's default for output.
        label: name and sound system together.

    Examples:
        >>> from keras_sep.live.sound_card import Device
        >>> Device(3, "Headset", "ALSA", num_inputs=1, num_outputs=2, sample_rate=48000.0).label
        'Headset, ALSA'
    """

    index: int
    name: str
    host: str
    num_inputs: int
    num_outputs: int
    sample_rate: float
    is_default_input: bool = False
    is_default_output: bool = False

    @property
    def label(self) -> str:
        return f"{self.name}, {self.host}"


class Stream(Protocol):
    """Interface of an open stream.

    Attributes:
        device: its device.
        sample_rate: Hz.
        num_channels: number of channels.
        latency: latency of the device in seconds, as it reports it.
        finished: whether the stream has ended by itself.

    Examples:
        >>> from keras_sep.live.sound_card import Device, Stream
        >>> class Silence:  # a stream that never calls its callback
        ...     device = Device(0, "Nothing", "demo", 2, 2, 44100.0)
        ...     sample_rate, num_channels, latency, finished = 44100, 2, 0.0, False
        ...
        ...     def start(self) -> None: ...
        ...
        ...     def close(self) -> None: ...
        >>> stream: Stream = Silence()
        >>> stream.start()
    """

    device: Device
    sample_rate: int
    num_channels: int
    latency: float
    finished: bool

    def start(self) -> None: ...

    def close(self) -> None: ...


class AudioInterface(Protocol):
    """Interface of a sound system. Its methods are called in one thread; the callbacks may come in others.

    Examples:
        >>> from keras_sep import AudioError
        >>> from keras_sep.live.sound_card import AudioInterface
        >>> class NoSound:  # a computer without sound devices
        ...     def devices(self):
        ...         return []
        ...
        ...     def open(self, kind, device, sample_rates, block_size, latency, callback):
        ...         raise AudioError(f"no {kind} device")
        ...
        ...     def rescan(self): ...
        >>> interface: AudioInterface = NoSound()
        >>> interface.devices()
        []
    """

    def devices(self) -> list[Device]: ...

    def open(
        self,
        kind: str,
        device: str | None,
        sample_rates: list[int],
        block_size: int,
        latency: float,
        callback: Callback,
    ) -> Stream:
        """Opens, but does not start, a stream.

        Args:
            kind: "input" or "output".
            device: number of the device, or a part of its label that no other label contains; None for the default.
            sample_rates: sample rates in Hz to try, in this order; 0 stands for the one that the device prefers.
            block_size: samples per callback; 0 leaves it to the system.
            latency: seconds of audio for the device to buffer; a device that needs more gets more.
            callback: function that takes or fills each block.

        Raises:
            AudioError: a device that does not exist or cannot be opened.
        """
        ...

    def rescan(self) -> None:
        """Looks for devices anew; no stream may be open."""
        ...


def find_device(devices: list[Device], kind: str, wanted: str | None) -> Device:
    """Finds the device that the user means.

    Args:
        devices: all devices.
        kind: "input" or "output".
        wanted: number of the device, or its name or label, or a part of its label that no other label contains; None
            for the default.

    Raises:
        AudioError: no device or several; lists the candidates.

    Examples:
        >>> from keras_sep.live.sound_card import Device, find_device
        >>> devices = [Device(0, "Microphone", "ALSA", 1, 0, 48000.0), Device(1, "Headset", "ALSA", 1, 2, 48000.0)]
        >>> find_device(devices, "output", "head").index
        1
    """
    usable = [d for d in devices if (d.num_inputs if kind == "input" else d.num_outputs) > 0]
    listed = "; ".join(f"{d.index} {d.label}" for d in usable) or "none"
    if wanted is None:
        for device in usable:
            if device.is_default_input if kind == "input" else device.is_default_output:
                return device
        raise AudioError(f"no default {kind} device; there are: {listed}")
    if wanted.isdigit():
        found = [d for d in usable if d.index == int(wanted)]
    else:
        found = [d for d in usable if wanted == d.label] or [d for d in usable if wanted == d.name]
        found = found or [d for d in usable if wanted.casefold() in d.label.casefold()]
    if len(found) == 1:
        return found[0]
    some = "; ".join(f"{d.index} {d.label}" for d in found)
    problem = f"more than one: {some}" if found else f"there are: {listed}"
    raise AudioError(
        f"--{kind}-device: expected the number of an {kind} device or a part of one's name. "
        f"Received: {wanted!r}, {problem}"
    )


class SoundCard:
    """Sound system of the computer, through sounddevice and PortAudio.

    Raises:
        AudioError: sounddevice or PortAudio is not installed; says how to install it.

    Examples:
        >>> from keras_sep import AudioError
        >>> from keras_sep.live.sound_card import SoundCard
        >>> try:
        ...     labels = [device.label for device in SoundCard().devices()]
        ... except AudioError:
        ...     labels = []  # the extra `live` is not installed
    """

    def __init__(self) -> None:
        try:
            import sounddevice
        except ImportError as error:
            raise AudioError('live needs sounddevice: pip install "keras-sep[live]"') from error
        except OSError as error:
            raise AudioError(
                f"live needs the PortAudio library: {error}; on Debian: apt install libportaudio2"
            ) from error
        self._sounddevice: Any = sounddevice

    def devices(self) -> list[Device]:
        hosts = self._sounddevice.query_hostapis()
        default_input, default_output = self._sounddevice.default.device
        return [
            Device(
                index=d["index"],
                name=d["name"],
                host=hosts[d["hostapi"]]["name"],
                num_inputs=d["max_input_channels"],
                num_outputs=d["max_output_channels"],
                sample_rate=d["default_samplerate"],
                is_default_input=d["index"] == default_input,
                is_default_output=d["index"] == default_output,
            )
            for d in self._sounddevice.query_devices()
        ]

    def open(
        self,
        kind: str,
        device: str | None,
        sample_rates: list[int],
        block_size: int,
        latency: float,
        callback: Callback,
    ) -> Stream:
        found = find_device(self.devices(), kind, device)
        channels = found.num_inputs if kind == "input" else found.num_outputs
        problem: Exception | None = None
        # Two channels of many, then all of them: some systems open a device only as it is.
        for num_channels in dict.fromkeys((min(2, channels), channels)):
            for rate in sample_rates:
                try:
                    return _SoundCardStream(
                        self._sounddevice,
                        kind,
                        found,
                        rate or round(found.sample_rate),
                        num_channels,
                        block_size,
                        latency,
                        callback,
                    )
                except (self._sounddevice.PortAudioError, ValueError) as error:
                    problem = problem or error
        raise AudioError(f"{kind} device {found.label}: cannot open it: {_reason(problem)}")

    def rescan(self) -> None:
        # PortAudio looks for devices only when it starts.
        self._sounddevice._terminate()
        self._sounddevice._initialize()


class _SoundCardStream:
    def __init__(
        self,
        sounddevice: Any,
        kind: str,
        device: Device,
        sample_rate: int,
        num_channels: int,
        block_size: int,
        latency: float,
        callback: Callback,
    ):
        self.device, self.sample_rate, self.num_channels = device, sample_rate, num_channels
        self.finished = False
        self._error = sounddevice.PortAudioError
        self.latency = 0.0

        if kind == "input":

            def call(block: Array, _size: int, times: Any, status: Any) -> None:
                callback(block, status.input_overflow)
                self._measure(times.currentTime - times.inputBufferAdcTime)
        else:

            def call(block: Array, _size: int, times: Any, status: Any) -> None:
                callback(block, status.output_underflow)
                self._measure(times.outputBufferDacTime - times.currentTime)

        make = sounddevice.InputStream if kind == "input" else sounddevice.OutputStream
        self._stream = make(
            samplerate=sample_rate,
            blocksize=block_size,
            device=device.index,
            channels=num_channels,
            dtype="float32",
            latency=max(latency, sounddevice.query_devices(device.index)[f"default_low_{kind}_latency"]),
            callback=call,
            finished_callback=self._finish,
        )
        self.latency = float(self._stream.latency)

    def _measure(self, seconds: float) -> None:
        # A running mean, from the latency that PortAudio states, an upper bound. Some systems do not report the times.
        if 0.0 < seconds < _PLAUSIBLE_S:
            self.latency += 0.05 * (seconds - self.latency)

    def _finish(self) -> None:
        self.finished = True

    def start(self) -> None:
        try:
            self._stream.start()
        except self._error as error:
            raise AudioError(f"device {self.device.label}: cannot start it: {_reason(error)}") from error

    def close(self) -> None:
        # In a thread that may be abandoned: with a device that has gone, PortAudio may wait for ever.
        closing = threading.Thread(target=self._close, daemon=True)
        closing.start()
        closing.join(_CLOSE_S)

    def _close(self) -> None:
        try:
            self._stream.abort(ignore_errors=True)
        finally:
            self._stream.close(ignore_errors=True)


def _reason(error: Exception | None) -> str:
    return " ".join(str(error).split())
