"""Song tags and cover pictures."""

from __future__ import annotations

from collections.abc import Mapping
from typing import NamedTuple

# Tags that are true of a stem as well as of its song, by FFmpeg's names. Loudness, length and gapless data are not.
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
    """Cover picture of a song.

    Attributes:
        data: contents of the picture's file.
        mime: its media type, such as "image/jpeg".

    Examples:
        >>> from keras_sep.audio import Cover
        >>> Cover(data=b"...", mime="image/png").mime
        'image/png'
    """

    data: bytes
    mime: str


def carried(*sources: Mapping[str, str]) -> dict[str, str]:
    """Returns the tags that a stem takes over from its song.

    Args:
        sources: tags by FFmpeg's names, in upper or lower case; where two sources differ, the first counts.

    Returns:
        The tags named in CARRIED, by lower-case names.

    Examples:
        >>> from keras_sep.audio.tags import carried
        >>> carried({"TITLE": "Song", "encoder": "LAME"}, {"title": "another", "artist": "Singer"})
        {'title': 'Song', 'artist': 'Singer'}
    """
    tags: dict[str, str] = {}
    for source in sources:
        lower = {key.lower(): value for key, value in source.items()}
        tags = {key: lower[key] for key in CARRIED if lower.get(key)} | tags
    return tags
