"""Sound decoding by FFmpeg, through PyAV."""

from __future__ import annotations

import itertools
from collections.abc import Iterator
from typing import Any

import av
import numpy as np
from av.codec.context import Flags2

from keras_sep.audio.headers import Link
from keras_sep.audio.lengths import OGG_COUNTED_S, ROUNDED_S, STAMPED, TIMED, is_exact, stated_s
from keras_sep.audio.limits import Array
from keras_sep.audio.mp3 import frame_count, id3_size, samples_per_frame
from keras_sep.audio.tags import Cover, carried
from keras_sep.audio.view import View
from keras_sep.errors import AudioError
from keras_sep.interrupts import held_interrupts

# FFmpeg must open this file and nothing else: neither the files that a playlist names nor network addresses.
_OPTIONS = {"protocol_whitelist": "none"}
_LONGEST_DELAY_S = 6 * 3600  # longer delays between picture and sound, and longer gaps, are damaged time stamps
_PICTURES = {"mjpeg": "image/jpeg", "png": "image/png"}
_PLANES = 8  # from this number on, PyAV counts one plane too many and reads beyond its memory
_SCALES = {"u8": 2.0**-7, "s16": 2.0**-15, "s32": 2.0**-31, "flt": None, "dbl": None}
_CHECKED = {"flac", "wavpack", "tta"}  # have checksums, without whose check damage becomes noise at full scale
_LONGEST_VORBIS_BLOCK = 8192
_PACKETS = 32


class Decoder:
    """Decoder of one audio stream, from its beginning to its end, that leaves damaged parts out.

    Args:
        file: view of the file, or of one link.
        link: lengths from the headers of that link.
        track: number of the audio stream, from 0.

    Attributes:
        sample_rate: Hz at the beginning; may change later.
        num_channels: number of channels at the beginning; may change later.
        tags: tags that a stem takes over, by FFmpeg's names.
        cover: Cover, or None if none has been found so far.
        delay_s: seconds from the first picture of a film to its first sound; 0 for anything else.
        stated_s: length that the headers state, in seconds, or None.
        decoded_s: seconds decoded so far.
        damage: places where something is left out, in seconds of decoded sound.

    Raises:
        AudioError: a file without decodable sound; the message does not name it.

    Examples:
        >>> from keras_sep import example
        >>> from keras_sep.audio.decoder import Decoder
        >>> from keras_sep.audio.headers import Link
        >>> from keras_sep.audio.view import View
        >>> with open(example() / "mixture.flac", "rb") as file:
        ...     decoder = Decoder(View(file), Link())
        ...     num_samples = sum(len(samples) for rate, samples in decoder.blocks())
        ...     decoder.close()
        >>> num_samples / decoder.sample_rate, decoder.stated_s, decoder.missing_s()
        (25.0, 25.0, 0.0)
    """

    def __init__(self, file: View, link: Link, track: int = 0):
        self._link = link
        self._count = frame_count(file)
        file.seek(0)
        self.damage: list[float] = []
        self.decoded_s = self._skipped_s = 0.0
        self._next_s: float | None = None  # expected time stamp of the next frame
        self._ends_s: dict[int, float] = {}  # where the packets read so far end, by stream
        self.cover: Cover | None = None
        try:
            with held_interrupts():
                self._container: Any = av.open(file, container_options=_OPTIONS, metadata_errors="replace")
        except (av.FFmpegError, OSError, ValueError) as error:
            raise AudioError(f"expected an audio file. Received: one that cannot be read ({_reason(error)})") from error
        try:
            name = self._container.format.name
            tracks = self._container.streams.audio
            if track >= len(tracks):
                raise AudioError(f"expected an audio stream {track}. Received: {len(tracks)} audio streams")
            self._stream: Any = tracks[track]
            if self._stream.codec_context is None:
                raise AudioError("expected an audio file. Received: one of an unknown codec")
            self.tags = carried(self._container.metadata, self._stream.metadata)
            self._is_vorbis = name == "ogg" and self._stream.codec_context.name == "vorbis"
            is_alac = name == "caf" and self._stream.codec_context.name == "alac"
            if self._is_vorbis or is_alac or (name == "mp3" and self._count is not None):
                # FFmpeg would trim the sound itself, and errs: it takes a Vorbis stream of one page for one that begins
                # earlier, trusts the counting frame of an mp3 that counts too few, and trims ALAC twice.
                self._stream.codec_context.flags2 |= Flags2.skip_manual
            if self._stream.codec_context.name in _CHECKED:
                self._stream.codec_context.options = {"err_detect": "crccheck+explode"}
            self._frames = self._decode()
            first = next(self._frames, None)
            if first is None:
                raise AudioError("expected an audio file. Received: one whose sound cannot be decoded")
            self._first = first
            rate, samples, begin_s = first
            self.sample_rate, self.num_channels = rate, samples.shape[1]
            self._begin_s = begin_s or 0.0
            if self._is_vorbis and self._begin_s * rate < _LONGEST_VORBIS_BLOCK:
                self._begin_s = 0.0
            self.delay_s = self._delay()
            self.stated_s = stated_s(self._container, self._stream, link, self._count, self.sample_rate, self._begin_s)
        except BaseException:
            self.close()
            raise

    @property
    def is_exact(self) -> bool:
        """Whether `stated_s` is exact to the sample, and nothing of the file is known to be missing."""
        name, codec = self._container.format.name, self._stream.codec_context.name
        return is_exact(name, codec) and self._link.broken_at is None and not self._link.is_cut

    def blocks(self) -> Iterator[tuple[int, Array]]:
        """Yields (sample rate, samples (n, channels)) with n ≥ 1; can be called once."""
        blocks: Iterator[tuple[int, Array]] = (
            (rate, samples) for rate, samples, _ in itertools.chain([self._first], self._frames)
        )
        if self._is_vorbis and self.stated_s is not None:
            blocks = _cut(blocks, 0, round(self.stated_s * self.sample_rate), _LONGEST_VORBIS_BLOCK)
        elif self._container.format.name == "mp3" and self._count is not None:
            length = None if self.stated_s is None else round(self.stated_s * self.sample_rate)
            blocks = _cut(blocks, self._count.delay, length, self._count.padding)
        for rate, samples in blocks:
            self.decoded_s += len(samples) / rate
            yield rate, samples
        if self._link.broken_at is not None and not self.damage:
            self.damage.append(min(self.decoded_s, self._link.broken_at / self.sample_rate))

    def missing_s(self) -> float:
        """Returns the seconds that are missing of the length that the headers state; valid when `blocks` has ended."""
        name, codec = self._container.format.name, self._stream.codec_context.name
        if is_exact(name, codec):
            missing = (self.stated_s or 0.0) - self.decoded_s
            # Some encoders count the counting frame, too.
            least_s = (1.5 * samples_per_frame(self.sample_rate) if name == "mp3" else 0.5) / self.sample_rate
            if name == "ogg" and self._link.broken_at is None and not self._link.is_cut:
                least_s = OGG_COUNTED_S
            return missing if missing > least_s else 0.0
        if self.stated_s is not None:
            missing = self.stated_s - self.decoded_s
        elif name in TIMED and self._container.duration is not None and self._ends_s:
            # The longest of several streams is as long as the file.
            whole = ((self._container.start_time or 0) + self._container.duration) / av.time_base
            missing = whole - max(self._ends_s.values())
        else:
            missing = 0.0
        missing = max(missing, self._skipped_s)
        return missing if missing > ROUNDED_S else 0.0

    def close(self) -> None:
        """Closes the decoder, not the file."""
        self._container.close()

    def _decode(self) -> Iterator[tuple[int, Array, float | None]]:
        """Yields (sample rate, samples, time stamp in seconds or None)."""
        base = float(self._stream.time_base or 0)
        is_mov = "mov" in self._container.format.name
        for index, packet in enumerate(self._packets()):
            try:
                frames = self._frames_of(packet)
            except av.FFmpegError:
                self._note_damage()
                continue
            if self._is_vorbis and index == 0:  # the first Vorbis block has no sound: it only overlaps with the second
                continue
            for frame in frames:
                try:
                    samples, rate = self._samples(frame), frame.sample_rate
                except (av.FFmpegError, ValueError):
                    self._note_damage()
                    continue
                if is_mov and packet.duration:  # that of the last packet leaves out the codec's padding
                    samples = samples[: round(packet.duration * base * rate)]
                if rate <= 0 or not len(samples):
                    continue
                begin_s = None if frame.pts is None or not base else max(0, frame.pts) * base
                self._note_gap(begin_s, len(samples) / rate, rate)
                yield rate, samples, begin_s

    def _frames_of(self, packet: Any) -> list[Any]:
        if self._is_vorbis and not packet.size and packet.dts is not None:
            return []  # no sound, with which some encoders end a file; FFmpeg takes it for the end, then for an error
        try:
            return packet.decode()
        except av.FFmpegError:
            data = _behind_tag(bytes(packet))  # joined mp3 files have tags in the middle …
            if any(counter in data[:64] for counter in (b"Xing", b"Info", b"VBRI")):  # … and silent counting frames
                self._next_s = None
                return []
            if len(data) in (0, packet.size):
                raise
            rest = av.Packet(data)
            rest.pts, rest.time_base = packet.pts, packet.time_base
            return self._stream.codec_context.decode(rest)

    def _samples(self, frame: Any) -> Array:
        """Returns the samples of a frame as float32 (n, channels), full scale ±1."""
        name = frame.format.name.removesuffix("p")
        if name not in _SCALES or (frame.format.is_planar and frame.layout.nb_channels >= _PLANES):
            (frame,) = av.AudioResampler("flt", frame.layout, frame.sample_rate).resample(frame)
            name = "flt"
        data = frame.to_ndarray()
        samples = data.T if frame.format.is_planar else data.reshape(frame.samples, -1)
        if (scale := _SCALES[name]) is not None:
            samples = (samples.astype(np.float32) - np.float32(128 if name == "u8" else 0)) * np.float32(scale)
        with np.errstate(over="ignore", invalid="ignore"):  # samples beyond float32 become infinite
            return np.asarray(samples, np.float32)

    def _packets(self) -> Iterator[Any]:
        """Yields the packets of the sound; keeps the cover, and notes where the packets of each stream end."""
        streams = list(self._container.streams)
        packets = self._container.demux(streams)
        bases = [float(stream.time_base or 0) for stream in streams]
        pictures = {stream.index for stream in streams if _is_picture(stream)}
        for packet in self._demuxed(packets):
            stream, index = packet.stream, packet.stream.index
            if index in pictures:
                mime = _PICTURES.get(stream.codec_context.name)
                if self.cover is None and mime and packet.size:
                    self.cover = Cover(bytes(packet), mime)
                continue
            if packet.pts is not None:
                end_s = (packet.pts + (packet.duration or 0)) * bases[index]
                self._ends_s[index] = max(end_s, self._ends_s.get(index, end_s))
            if index == self._stream.index:
                yield packet

    def _demuxed(self, packets: Iterator[Any]) -> Iterator[Any]:
        """Yields packets, read some at a time, because holding interrupts back takes as long as decoding a packet."""
        while True:
            some: list[Any] = []
            is_damaged = is_over = False
            try:
                with held_interrupts():
                    for packet in itertools.islice(packets, _PACKETS):
                        some.append(packet)  # an error leaves those before it
                is_over = len(some) < _PACKETS
            except (av.FFmpegError, OSError):
                is_damaged = is_over = True
            except IndexError:  # raised by PyAV at the end, if damage looks like one more stream
                is_over = True
            yield from some
            if is_damaged:
                self._note_damage()
            if is_over:
                return

    def _note_damage(self) -> None:
        if not self.damage or self.decoded_s > self.damage[-1]:
            self.damage.append(self.decoded_s)

    def _note_gap(self, begin_s: float | None, length_s: float, rate: int) -> None:
        if begin_s is None:
            return
        if self._next_s is not None:
            gap_s = begin_s - self._next_s
            # The time stamps of Vorbis packets are not exact: a packet does not state its overlap with the next.
            is_stamped = self._container.format.name in STAMPED and self._stream.codec_context.name != "vorbis"
            if gap_s > (0.5 / rate if is_stamped else ROUNDED_S):
                self._note_damage()
                self._skipped_s += gap_s if gap_s < _LONGEST_DELAY_S else 0
        self._next_s = begin_s + length_s

    def _delay(self) -> float:
        starts = [
            float(stream.start_time * stream.time_base)
            for stream in self._container.streams.video
            if not _is_picture(stream) and stream.start_time is not None
        ]
        delay_s = self._begin_s - min(starts) if starts else 0.0
        return delay_s if 0 < delay_s < _LONGEST_DELAY_S else 0.0


def _cut(
    blocks: Iterator[tuple[int, Array]], delay: int, length: int | None, padding: int
) -> Iterator[tuple[int, Array]]:
    """Leaves out `delay` samples at the beginning, and up to `padding` samples after the `length` that follows.

    Where more samples than these follow, the stated length is wrong, and they are kept to the end.
    """
    held: list[tuple[int, Array]] = []
    position = -delay
    for rate, samples in blocks:
        position += len(samples)
        samples = samples[max(0, len(samples) - position) :] if position < len(samples) else samples
        if length is not None and position > length + padding:  # the length is wrong
            yield from held
            held, length = [], None
        if length is not None and position > length:
            inside = max(0, len(samples) - (position - length))
            held.append((rate, samples[inside:]))
            samples = samples[:inside]
        if len(samples):
            yield rate, samples


def _is_picture(stream: Any) -> bool:
    return stream.type == "video" and bool(stream.disposition & av.stream.Disposition.attached_pic)


def _behind_tag(data: bytes) -> bytes:
    """Returns the bytes after an ID3 tag; all of them if there is none."""
    if not data.startswith(b"ID3"):
        return data
    return data[id3_size(data) :]


def _reason(error: BaseException) -> str:
    return getattr(error, "strerror", None) or str(error)
