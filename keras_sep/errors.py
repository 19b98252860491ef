"""Errors that a user can act on; each is one clear line that names the value and what was expected."""


class AudioError(ValueError):
    """Audio that cannot be read, separated or written.

    Examples:
        >>> from keras_sep import AudioError, StreamingSeparator
        >>> try:
        ...     StreamingSeparator("small").push([[float("nan"), 0.0]])
        ... except AudioError:
        ...     print("refused")
        refused
    """


class ModelFileError(ValueError):
    """A .tflite file, or a preset, that cannot be used.

    Examples:
        >>> from keras_sep import ModelFileError, Separator
        >>> try:
        ...     Separator("huge")
        ... except ModelFileError as error:
        ...     print(error)
        unknown preset 'huge': expected one of base, base-free, small
    """


class UnsupportedModelError(ModelFileError):
    """An intact .tflite file that the installed runtime cannot run; another precision of it may run.

    Examples:
        >>> from keras_sep.errors import UnsupportedModelError
        >>> from keras_sep.presets import get_preset
        >>> from keras_sep.runtime import StepModel
        >>> for file in get_preset("small").candidates():  # the preferred one first
        ...     try:
        ...         step = StepModel(file.path())
        ...         break
        ...     except UnsupportedModelError:
        ...         pass
        >>> step.graph
        'mask'
    """


class MissingModelError(ModelFileError):
    """A file of a preset that is not a part of this installation; `keras-sep fetch` gets it.

    Examples:
        >>> from keras_sep.errors import MissingModelError, ModelFileError
        >>> issubclass(MissingModelError, ModelFileError)
        True
    """


class PageError(ValueError):
    """A web page that is missing or cannot be served.

    Examples:
        >>> from pathlib import Path
        >>> from keras_sep.errors import PageError
        >>> from keras_sep.web import PageServer
        >>> try:
        ...     PageServer(0, page=Path("nowhere"))
        ... except PageError:
        ...     print("refused")
        refused
    """


class DesktopError(ValueError):
    """Sink of the desktop that cannot be installed.

    Examples:
        >>> from keras_sep.errors import DesktopError
        >>> issubclass(DesktopError, ValueError)
        True
    """
