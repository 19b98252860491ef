"""Ctrl-C inside the functions that FFmpeg and libsndfile call to read and write a file."""

from __future__ import annotations

import contextlib
import io
import signal
import threading
from collections.abc import Iterator

import numpy as np
import pytest

from keras_sep.audio import FORMATS
from keras_sep.audio.decoder import Decoder
from keras_sep.audio.encoders import Encoder, FfmpegEncoder, VorbisEncoder
from keras_sep.audio.headers import Link
from keras_sep.audio.sink import Sink
from keras_sep.audio.view import View
from keras_sep.interrupts import held_interrupts
from tests.support.paths import ROOT

SONG = ROOT / "keras_sep" / "assets" / "example" / "mixture.flac"
BLOCK = np.random.default_rng(0).uniform(-0.5, 0.5, (44100, 2)).astype(np.float32)


@pytest.fixture(autouse=True)
def ctrl_c() -> Iterator[None]:
    """Python's answer to Ctrl-C, which is ignored in a shell's background."""
    before = signal.signal(signal.SIGINT, signal.default_int_handler)
    yield
    signal.signal(signal.SIGINT, before)


class Interrupted(io.BytesIO):
    """A file during whose `call`-th call, counted from 1, Ctrl-C arrives."""

    def __init__(self, content: bytes = b"", call: int = 1):
        super().__init__(content)
        self._left = call

    def read(self, size: int | None = -1) -> bytes:
        self._count()
        return super().read(size)

    def write(self, data) -> int:
        self._count()
        return super().write(data)

    def _count(self) -> None:
        self._left -= 1
        if not self._left:
            signal.raise_signal(signal.SIGINT)


def test_opening_is_interrupted(capfd):
    with pytest.raises(KeyboardInterrupt):
        Decoder(View(Interrupted(SONG.read_bytes(), 4)), Link())
    assert capfd.readouterr() == ("", "")


def test_reading_is_interrupted(capfd):
    decoder = Decoder(View(Interrupted(SONG.read_bytes(), 30)), Link())
    with contextlib.closing(decoder), pytest.raises(KeyboardInterrupt):
        list(decoder.blocks())
    assert capfd.readouterr() == ("", "")


@pytest.mark.parametrize("name", ["flac", "mp3", "m4a", "opus", "ogg"])
def test_writing_is_interrupted(name, capfd):
    with pytest.raises(KeyboardInterrupt):
        _write(name, Sink(Interrupted()))
    assert capfd.readouterr() == ("", "")


def _write(name: str, sink: Sink) -> None:
    encoder: Encoder
    if name == "ogg":
        encoder = VorbisEncoder(sink, 44100, 2, {}, None)
    else:
        rate = 48000 if name == "opus" else 44100
        encoder = FfmpegEncoder(sink, FORMATS[name], rate, 2, None, {}, None)
    encoder.write(BLOCK)
    encoder.close()


def test_the_handler_that_was_set_is_called_once_and_stays():
    seen = []

    def handler(number, frame):
        seen.append(number)

    before = signal.signal(signal.SIGTERM, handler)
    try:
        with held_interrupts():
            signal.raise_signal(signal.SIGTERM)
            assert not seen
        assert seen == [signal.SIGTERM]
        assert signal.getsignal(signal.SIGTERM) is handler
    finally:
        signal.signal(signal.SIGTERM, before)


def test_signals_that_are_ignored_stay_so():
    before = signal.signal(signal.SIGTERM, signal.SIG_IGN)
    try:
        with held_interrupts():
            assert signal.getsignal(signal.SIGTERM) is signal.SIG_IGN
            signal.raise_signal(signal.SIGTERM)
    finally:
        signal.signal(signal.SIGTERM, before)


def test_an_error_in_the_block_comes_through():
    with pytest.raises(ValueError, match="damaged"), held_interrupts():
        raise ValueError("damaged")


def test_other_threads_change_no_handler():
    found = []

    def run() -> None:
        with held_interrupts():
            found.append(signal.getsignal(signal.SIGINT))

    thread = threading.Thread(target=run)
    thread.start()
    thread.join()
    assert found == [signal.getsignal(signal.SIGINT)]
