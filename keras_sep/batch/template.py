"""Path templates for outputs, such as "{stem}/{name}"."""

from __future__ import annotations

import string
from pathlib import Path, PurePosixPath, PureWindowsPath

from keras_sep.errors import AudioError

FIELDS = {
    "name": "the song's file name, for a song in an input folder its path below that folder, without suffix",
    "stem": "vocals, accompaniment or mix",
    "preset": "the preset, or the name of the model file",
    "suffix": "the song's suffix, such as mp3",
}
DEFAULT = "{name}/{stem}"


class NameTemplate:
    """Template for the path of an output below the output folder, without the suffix of its format.

    Args:
        text: path with the fields of FIELDS in braces.

    Raises:
        ValueError: an unknown field, or a path that would leave the output folder.

    Examples:
        >>> from keras_sep.batch.template import NameTemplate
        >>> NameTemplate("{stem}/{name}").path(name="live/song", stem="vocals", preset="base", suffix="mp3").as_posix()
        'vocals/live/song'
    """

    def __init__(self, text: str):
        self._text = text
        expected = f"expected a name with the fields {', '.join(f'{{{field}}}' for field in FIELDS)}"
        try:
            parts = list(string.Formatter().parse(text))
        except ValueError as error:
            raise ValueError(f"{expected}. Received: {text!r} ({error})") from error
        for _, field, spec, conversion in parts:
            if field is not None and (field not in FIELDS or spec or conversion):
                shown = field + (f"!{conversion}" if conversion else "") + (f":{spec}" if spec else "")
                raise ValueError(f"{expected}. Received: {text!r}, with {{{shown}}}")
        self._check(text.format_map(dict.fromkeys(FIELDS, "x")))

    def path(self, *, name: str, stem: str, preset: str, suffix: str) -> Path:
        """Returns the path of an output, relative to the output folder.

        Raises:
            AudioError: a path that would leave the output folder.
        """
        path = self._text.format(name=name, stem=stem, preset=preset, suffix=suffix)
        try:
            self._check(path)
        except ValueError as error:
            raise AudioError(str(error)) from error
        return Path(path)

    def _check(self, path: str) -> None:
        # By the rules of all systems, so that a command means the same everywhere.
        roots = PurePosixPath(path).root or PureWindowsPath(path).drive or PureWindowsPath(path).root
        names = path.replace("\\", "/").split("/")
        if roots or ".." in names or names[-1] in ("", ".") or "\0" in path:
            raise ValueError(f"expected a name below the output folder. Received: {self._text!r}, which gives {path!r}")
