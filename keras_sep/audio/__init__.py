"""Audio files, read and written block by block, so that memory use does not grow with a song's length.

FFmpeg's libraries, which come with the PyAV package, read every format and write flac, mp3, m4a and opus; no program
needs to be installed. Wav files are written by `keras_sep.audio.wav`, Ogg Vorbis by libsndfile.
Samples are float32 arrays (samples, channels), full scale ±1.
"""

from __future__ import annotations

from keras_sep.audio.formats import FORMATS, Format
from keras_sep.audio.limits import BLOCK, LOUDEST, require_sample_rate
from keras_sep.audio.parts import sweep_parts
from keras_sep.audio.reader import AudioReader
from keras_sep.audio.tags import Cover
from keras_sep.audio.writer import CLIP_MODES, AudioWriter, common_gain

__all__ = [
    "BLOCK",
    "CLIP_MODES",
    "FORMATS",
    "LOUDEST",
    "AudioReader",
    "AudioWriter",
    "Cover",
    "Format",
    "common_gain",
    "require_sample_rate",
    "sweep_parts",
]
