"""File headers, for lengths that FFmpeg does not pass on, or that it trusts although they are wrong."""

from __future__ import annotations

import struct
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import BinaryIO

from keras_sep.audio.ogg import Page, first_page, pages

_SEARCHED = 1 << 16  # bytes at a time
_ALL_ONES = 0xFFFFFFFF
_AUDIO_STREAMS = (b"\x01vorbis", b"OpusHead", b"\x7fFLAC", b"Speex   ")


@dataclass
class Link:
    """Part of a file that is decoded by itself: a chained Ogg file has several, any other file has one.

    Attributes:
        start: position of the first byte in the file.
        end: position after the last byte; None for the end of the file.
        patches: bytes that replace the file's own, by their position in the file.
        sound_bytes: size of the sound of a wav, aiff, Wave64 or caf file: the size that its header states, or for wav,
            aiff and Wave64, if that is none or wrong, the size of what is there. None for other files.
        num_samples: length of an Ogg stream by its last page, in samples per channel; None for other files.
        broken_at: number of samples before the first damaged page of an Ogg stream, or before the first data that is
            no page; None if there is no damage.
        is_cut: whether the end of an Ogg stream is missing.

    Examples:
        >>> from keras_sep import example
        >>> from keras_sep.audio.headers import links
        >>> with open(example() / "vocals.ogg", "rb") as file:
        ...     (link,) = links(file)
        >>> link.num_samples / 44100, link.broken_at, link.is_cut
        (25.0, None, False)
    """

    start: int = 0
    end: int | None = None
    patches: dict[int, bytes] = field(default_factory=dict)
    sound_bytes: int | None = None
    num_samples: int | None = None
    broken_at: int | None = None
    is_cut: bool = False


def links(file: BinaryIO) -> list[Link]:
    """Returns the links of a file in order, at least one.

    Args:
        file: seekable binary file.

    Examples:
        >>> import io
        >>> from keras_sep import example
        >>> from keras_sep.audio.headers import links
        >>> ogg = (example() / "vocals.ogg").read_bytes()
        >>> [first, second] = links(io.BytesIO(ogg + ogg))
        >>> second.start == len(ogg)
        True
    """
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
    """Finds the sound of a wav or aiff file; a size that is missing or too small is replaced by what is there."""
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
    if position >= whole:  # a damaged header may point far beyond the end
        return b""
    file.seek(position)
    return file.read(size)


def _sized(file: BinaryIO, start: int, there: int, stated: int, is_size: bool, patches: dict[int, bytes]) -> Link:
    if is_size and (stated >= there or not _goes_on(file, start + stated, start + there)):
        return Link(sound_bytes=stated)
    return Link(patches=patches, sound_bytes=there)


def _wave64(file: BinaryIO) -> Link:
    """Finds the sound of a Sony Wave64 file, whose chunks have names of 16 bytes and sizes of 64 bits."""
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
    # FFmpeg would decode the padding after the sound.
    return Link(end=min(whole, position + size), sound_bytes=size - 24)


def _core_audio(file: BinaryIO) -> Link:
    """Finds the sound of a caf file, whose chunks have sizes of 64 bits; -1 means unknown."""
    whole, position = file.seek(0, 2), 8
    while True:
        head = _at(file, position, 12, whole)
        if len(head) < 12:
            return Link()
        name, size = struct.unpack(">4sq", head)
        if name == b"data":
            return Link(sound_bytes=size - 4 if size > 4 else None)  # 4 bytes are an edit count
        position += 12 + max(0, size)


def _goes_on(file: BinaryIO, position: int, whole: int) -> bool:
    """Returns whether more sound follows at `position`, and not another chunk or padding."""
    for start in (position, position + position % 2):  # some programs omit the padding to an even position
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
    """Finds the links of an Ogg file: each begins with the first pages of its streams."""
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
            head = _at_body(file, page)
            if head.startswith(_AUDIO_STREAMS):
                serial = page.serial
                pre_skip = int.from_bytes(head[10:], "little") if head.startswith(b"OpusHead") else 0
        elif found and page.serial == serial:
            if not granule and page.is_intact and _at_body(file, page).startswith(b"\x01vorbis"):
                # The headers once more before any sound: FFmpeg gives up there, but can begin there.
                found[-1].start, found[-1].patches = page.start, {page.start: first_page(file, page)}
            found[-1].is_cut &= not page.ends
            if page.granule > 0:
                granule = page.granule
                found[-1].num_samples = granule - pre_skip
    return found or [Link()]


def _at_body(file: BinaryIO, page: Page) -> bytes:
    file.seek(page.body_start)
    return file.read(12)
