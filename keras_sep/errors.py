"""Errors that a user can act on: one clear line each, names the value and what was expected."""


class AudioError(ValueError):
    """Audio that cannot be read, separated or written."""


class ModelFileError(ValueError):
    """A .tflite file, or a preset, that cannot be used."""


class UnsupportedModelError(ModelFileError):
    """A sound .tflite file that the installed runtime cannot run; another precision of it may run."""


class PageError(ValueError):
    """The web page that is missing or cannot be served."""


class DesktopError(ValueError):
    """What keeps the desktop's sink from being installed."""
