"""Online singing-voice separation.

`import keras_sep` loads neither TensorFlow nor Keras; separating needs NumPy and LiteRT alone.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from keras_sep._version import __version__
from keras_sep.errors import AudioError, ModelFileError
from keras_sep.spec import StreamSpec

if TYPE_CHECKING:
    from keras_sep.presets import list_presets
    from keras_sep.separator import Separator, StreamingSeparator
    from keras_sep.store import example

__all__ = [
    "AudioError",
    "ModelFileError",
    "Separator",
    "StreamSpec",
    "StreamingSeparator",
    "__version__",
    "example",
    "list_presets",
]

_LAZY = {"Separator": "separator", "StreamingSeparator": "separator", "example": "store", "list_presets": "presets"}


def __getattr__(name: str) -> Any:
    # Imported on first use: `keras-sep --help` need not load audio libraries.
    if name in _LAZY:
        from importlib import import_module

        return getattr(import_module(f"keras_sep.{_LAZY[name]}"), name)
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
