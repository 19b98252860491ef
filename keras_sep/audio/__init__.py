"""Audio files in and out, block by block, so that memory does not grow with a song's length.

Every file is read by FFmpeg's libraries, which come inside the wheel of PyAV; no program needs to be installed.
They write flac, mp3, m4a and opus as well; wav is written here, and Vorbis encoded by libsndfile.
Samples are float32 (samples, channels), full scale ±1.
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
