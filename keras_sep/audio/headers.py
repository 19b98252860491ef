"""What headers state about lengths, where FFmpeg believes them too much or does not pass them on."""

from __future__ import annotations

import struct
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import BinaryIO

from keras_sep.audio.ogg import pages

_SEARCHED = 1 << 16  # bytes at a time
_ALL_ONES = 0xFFFFFFFF
_AUDIO_STREAMS = (b"\x01vorbis", b"OpusHead", b"\x7fFLAC", b"Speex   ")


@dataclass
class Link:
    """A part of a file that is a stream of its own: chained Ogg files have several, all others one.

    Attributes:
        start, end: bytes in the file; end None for the file's end.
        patches: bytes that stand in place of the file's own, by their position.
        sound_bytes: of a wav or caf, as its header states them, or as they are there if it states no size; else None.
        num_samples: by which an Ogg stream ends, counted from its beginning; None for others.
        broken_at: by which number of samples something else lies between the pages of an Ogg stream, or one of them
            is damaged; None where all is well.
        is_cut: an Ogg stream without its end.
    """

    start: int = 0
    end: int | None = None
    patches: dict[int, bytes] = field(default_factory=dict)
    sound_bytes: int | None = None
    num_samples: int | None = None
    broken_at: int | None = None
    is_cut: bool = False


def links(file: BinaryIO) -> list[Link]:
    """Returns the links of a file, in order; at least one."""
    file.seek(0)
    head = file.read(12)
    if head[:4] in (b"RIFF", b"RIFX", b"RF64", b"BW64") and head[8:] == b"WAVE":
        return [_chunked(file, b"data", ">" if head[:4] == b"RIFX" else "<")]
    if head[:4] == b"FORM" and head[8:] in (b"AIFF", b"AIFC"):
        return [_chunked(file, b"SSND", ">")]
    if head[:8] == b"riff\x2e\x91\xcf\x11":
        return [_wave64(file)]
    if head[:4] == b"caff":
        return [_core_audio(file)]
    if head[:4] == b"OggS":
        return _ogg(file)
    return [Link()]


def _chunked(file: BinaryIO, wanted: bytes, order: str) -> Link:
    """The sound of a wav or aiff file: to the size that its chunk states, unless that is none or sound goes on."""
    whole = file.seek(0, 2)
    link, patches = Link(), {}
    long_size = long_size_at = 0
    for position, name, stated in _chunks(file, order, whole):
        start = position + 8
        if name == b"LIST" and start + stated > whole:  # FFmpeg would reserve as much memory for one of its tags
            patches[position] = b"JUNK"
        elif name == b"ds64":  # RF64's sizes of 64 bits: of the file, then of the sound
            long_size_at = start + 8
            (long_size,) = struct.unpack(f"{order}Q", _at(file, start, 16, whole)[8:].ljust(8, b"\0"))
        elif name == wanted and link.sound_bytes is None:
            there = whole - start
            if stated == _ALL_ONES and long_size_at:
                patch = {long_size_at: struct.pack(f"{order}Q", there)}
                link = _sized(file, start, there, long_size, long_size > 0, patch)
            else:
                # Lost power leaves 0; pipes write the largest size (ffmpeg) or one just below 2 GiB (sox, arecord).
                is_size = 0 < stated < 0xFFFFFF00 and not 0x7FFF0000 <= stated <= 0x80000000
                patch = {position + 4: struct.pack(f"{order}I", min(there, _ALL_ONES))}
                link = _sized(file, start, there, stated, is_size, patch)
            if link.patches:  # the sound goes on to the end
                break
    link.patches |= patches
    return link


def _chunks(file: BinaryIO, order: str, whole: int) -> Iterator[tuple[int, bytes, int]]:
    """Yields position, name and stated size of each chunk, as far as they follow each other."""
    position = 12
    while len(head := _at(file, position, 8, whole)) == 8:
        name, stated = struct.unpack(f"{order}4sI", head)
        yield position, name, stated
        position += 8 + stated + stated % 2


def _at(file: BinaryIO, position: int, size: int, whole: int) -> bytes:
    if position >= whole:  # by far, maybe, where a header is damaged
        return b""
    file.seek(position)
    return file.read(size)


def _sized(file: BinaryIO, start: int, there: int, stated: int, is_size: bool, patches: dict[int, bytes]) -> Link:
    if is_size and (stated >= there or not _goes_on(file, start + stated, start + there)):
        return Link(sound_bytes=stated)
    return Link(patches=patches, sound_bytes=there)


def _wave64(file: BinaryIO) -> Link:
    """The sound of a Sony Wave64 file, whose chunks have names of 16 bytes and sizes of 64 bits."""
    whole, position = file.seek(0, 2), 40
    while True:
        head = _at(file, position, 24, whole)
        if len(head) < 24:
            return Link()
        size = int.from_bytes(head[16:], "little")
        if head[:4] == b"data":
            break
        position += max(24, size + -size % 8)
    if size <= 24:  # never filled in
        there = whole - position
        return Link(patches={position + 16: struct.pack("<Q", there)}, sound_bytes=there - 24)
    # FFmpeg would take the padding behind the sound for sound.
    return Link(end=min(whole, position + size), sound_bytes=size - 24)


def _core_audio(file: BinaryIO) -> Link:
    """The sound of a caf file, whose chunks have sizes of 64 bits; -1 is that of one that was never filled in."""
    whole, position = file.seek(0, 2), 8
    while True:
        head = _at(file, position, 12, whole)
        if len(head) < 12:
            return Link()
        name, size = struct.unpack(">4sq", head)
        if name == b"data":
            return Link(sound_bytes=size - 4 if size > 4 else None)  # without the count of edits
        position += 12 + max(0, size)


def _goes_on(file: BinaryIO, position: int, whole: int) -> bool:
    """Whether what follows the sound is neither another chunk nor padding, but more sound."""
    for start in (position, position + position % 2):  # some writers forget to pad to an even position
        head = _at(file, start, 8, whole)
        if len(head) < 8:
            return False
        if head.startswith(b"LIST"):  # even if its end is missing
            return False
        sizes = (int.from_bytes(head[4:], "little"), int.from_bytes(head[4:], "big"))
        if all(0x20 <= byte < 0x7F for byte in head[:4]) and start + 8 + min(sizes) <= whole:
            return False
    file.seek(position)
    while data := file.read(_SEARCHED):
        if any(data):
            return True
    return False


def _ogg(file: BinaryIO) -> list[Link]:
    """The links of an Ogg file: each begins with the pages that begin its streams."""
    found: list[Link] = []
    is_beginning, serial, pre_skip, granule = False, 0, 0, 0
    for page in pages(file):
        if page is not None and page.begins and not is_beginning:
            if found:
                found[-1].end = page.start
            found.append(Link(page.start, is_cut=True))
            serial, pre_skip, granule = page.serial, 0, 0
        is_beginning = page is not None and page.begins
        if found and (page is None or not page.is_intact) and found[-1].broken_at is None:
            found[-1].broken_at = max(0, granule - pre_skip)
        if page is None:
            continue
        if page.begins:
            file.seek(page.body_start)
            head = file.read(12)
            if head.startswith(_AUDIO_STREAMS):
                serial = page.serial
                pre_skip = int.from_bytes(head[10:], "little") if head.startswith(b"OpusHead") else 0
        elif found and page.serial == serial:
            found[-1].is_cut &= not page.ends
            if page.granule > 0:
                granule = page.granule
                found[-1].num_samples = granule - pre_skip
    return found or [Link()]
