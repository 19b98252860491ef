"""Damage to a file: truncation, splices, bit flips, other numbers in its headers."""

from __future__ import annotations

import io
import random
import struct
from collections.abc import Sequence

from keras_sep.audio.ogg import checksum, pages

_HEAD = 512  # bytes in which most headers lie
_MOST = 3  # mutations of one file
_CHECKSUM = 22  # bytes from an Ogg page's beginning
_LARGEST = 1 << 18  # bytes of a mutated file
_NUMBERS = (0, 1, 2, 0x7F, 0x80, 0xFF, 0x7FFF, 0x8000, 0xFFFF, 1 << 24, 0x7FFFFFFF, 0x80000000, 0xFFFFFFFF, 1 << 63)


def mutate(rng: random.Random, data: bytes, others: Sequence[bytes]) -> bytes:
    """Returns a copy of `data` with one to three mutations.

    Args:
        rng: decides all of it.
        others: files that splices are taken from.
    """
    for _ in range(rng.randint(1, _MOST)):
        data = rng.choice(_MUTATIONS)(rng, data, others)[:_LARGEST]
    return _seal(data) if rng.random() < 0.5 else data


def _seal(data: bytes) -> bytes:
    """Gives the pages of an Ogg file checksums that are right: a wrong one would hide the damage from the decoders."""
    sealed = bytearray(data)
    for page in pages(io.BytesIO(data)):
        if page is not None and not page.is_intact and page.start + page.size <= len(data):
            at = page.start + _CHECKSUM
            sealed[at : at + 4] = bytes(4)
            whole = bytes(sealed[page.start : page.start + page.size])
            sealed[at : at + 4] = struct.pack("<I", checksum(whole))
    return bytes(sealed)


def _place(rng: random.Random, data: bytes) -> int:
    """Draws a position, every other time in what is probably a header."""
    return rng.randrange(max(1, min(len(data), _HEAD) if rng.random() < 0.5 else len(data)))


def _flip(rng: random.Random, data: bytes, others: Sequence[bytes]) -> bytes:
    changed = bytearray(data)
    for _ in range(rng.choice((1, 1, 1, 4, 16, 64))):
        if changed:
            changed[_place(rng, data)] ^= 1 << rng.randrange(8)
    return bytes(changed)


def _number(rng: random.Random, data: bytes, others: Sequence[bytes]) -> bytes:
    """Makes another number of 1 to 8 bytes, of either byte order."""
    size, place = rng.choice((1, 2, 3, 4, 4, 8)), _place(rng, data)
    if rng.random() < 0.5:
        number = rng.choice(_NUMBERS)
    else:  # near the one that is there
        number = int.from_bytes(data[place : place + size], "little") + rng.randint(-16, 16)
    changed = (number % (1 << 8 * size)).to_bytes(size, "little")
    return data[:place] + (changed if rng.random() < 0.5 else changed[::-1]) + data[place + size :]


def _cut_off(rng: random.Random, data: bytes, others: Sequence[bytes]) -> bytes:
    place = _place(rng, data)
    return data[:place] if rng.random() < 0.7 else data[place:]


def _remove(rng: random.Random, data: bytes, others: Sequence[bytes]) -> bytes:
    place = _place(rng, data)
    return data[:place] + data[place + rng.choice((1, 2, 4, 16, 188, 1024)) :]


def _repeat(rng: random.Random, data: bytes, others: Sequence[bytes]) -> bytes:
    place, size = _place(rng, data), rng.choice((1, 4, 16, 188, 1024, 8192))
    return data[:place] + data[place : place + size] * rng.choice((2, 2, 3, 10)) + data[place + size :]


def _overwrite(rng: random.Random, data: bytes, others: Sequence[bytes]) -> bytes:
    place, size = _place(rng, data), rng.choice((1, 4, 16, 188, 1024))
    filler = rng.choice((bytes(size), b"\xff" * size, rng.randbytes(size)))
    return data[:place] + filler + data[place + size :]


def _insert(rng: random.Random, data: bytes, others: Sequence[bytes]) -> bytes:
    place, size = _place(rng, data), rng.choice((1, 4, 16, 188, 1024))
    return data[:place] + rng.choice((bytes(size), rng.randbytes(size))) + data[place:]


def _splice(rng: random.Random, data: bytes, others: Sequence[bytes]) -> bytes:
    """Joins the beginning of this file and the end of another one, or a part of another one in it."""
    other = rng.choice(others)
    place, start = _place(rng, data), _place(rng, other)
    if rng.random() < 0.5:
        return data[:place] + other[start:]
    part = other[start : start + rng.choice((16, 188, 1024, 8192))]
    return data[:place] + part + data[place + rng.choice((0, len(part))) :]


_MUTATIONS = (_flip, _flip, _number, _number, _number, _cut_off, _remove, _repeat, _overwrite, _insert, _splice)
