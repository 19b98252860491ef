"""Tags and the cover picture of a song."""

from __future__ import annotations

from collections.abc import Mapping
from typing import NamedTuple

# What holds for a stem as for its song, by FFmpeg's names. Loudness, lengths and gapless data do not.
CARRIED = (
    "title",
    "artist",
    "album",
    "album_artist",
    "composer",
    "genre",
    "date",
    "track",
    "disc",
    "comment",
    "copyright",
    "lyrics",
)


class Cover(NamedTuple):
    """A picture: the bytes of its file, and its media type, such as "image/jpeg"."""

    data: bytes
    mime: str


def carried(*sources: Mapping[str, str]) -> dict[str, str]:
    """Returns those tags of all sources that a stem takes over; of two values the first counts."""
    tags: dict[str, str] = {}
    for source in sources:
        lower = {key.lower(): value for key, value in source.items()}
        tags = {key: lower[key] for key in CARRIED if lower.get(key)} | tags
    return tags
