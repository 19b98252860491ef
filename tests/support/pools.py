"""Stems made of tones and noise, at 8 kHz, for what mixes them."""

from __future__ import annotations

import numpy as np

from keras_sep.spec import StreamSpec
from training.data.stems import Song, Stem, StemPool

RATE = 8000
SPEC = StreamSpec(sample_rate=RATE, frame_length=256, frame_step=64, fft_length=256)


class LoggedStem(Stem):
    """Notes what is read from it."""

    reads: list[tuple[str, int]] = []  # noqa: RUF012

    def read(self, start: int, samples: int):
        self.reads.append((self.path, start))
        return super().read(start, samples)


def stem(path: str, x: np.ndarray, channels: int = 1, kind: str = "") -> Stem:
    audio = np.round(np.clip(x, -1, 1) * 32767).astype(np.int16)
    return LoggedStem(path, kind, np.repeat(audio[:, None], channels, axis=1))


def tone(hz: float, seconds: float) -> np.ndarray:
    return 0.3 * np.sin(2 * np.pi * hz * np.arange(int(seconds * RATE)) / RATE)


def noise(seed: int, seconds: float) -> np.ndarray:
    return 0.1 * np.random.default_rng(seed).standard_normal(int(seconds * RATE))


def song(index: int, seconds: float = 12.0) -> Song:
    """Tones as vocals: a second of singing, a second of silence."""
    sung = tone(200 + 30 * index, seconds) * (np.arange(int(seconds * RATE)) // RATE % 2 == 0)
    return Song(
        f"{index}",
        stem(f"train/songs/{index}/vocals.wav", sung, 2),
        stem(f"train/songs/{index}/accompaniment.wav", noise(index, seconds), 2),
    )


def songs() -> list[Song]:
    return [song(index) for index in range(3)]


def voices(seconds: float = 12.0) -> list[Stem]:
    kinds = ("", "", "voice_melodised")
    return [stem(f"train/voices/{i}.wav", tone(150 + 40 * i, seconds), kind=kind) for i, kind in enumerate(kinds)]


def instrumentals(seconds: float = 12.0) -> list[Stem]:
    return [stem(f"train/instrumentals/{i}.wav", noise(10 + i, seconds), channels=1 + i) for i in range(2)]


def tracks() -> list[Stem]:
    return [stem(f"train/instrumentals/t{i}.wav", noise(20 + i, 8), kind="instrument_track") for i in range(5)]


POOLS = {
    "all": lambda: StemPool(songs(), voices(), instrumentals(), tracks()),
    "songs": lambda: StemPool(songs()),
    "one song": lambda: StemPool([song(0)]),
    "pools": lambda: StemPool([], voices(), instrumentals()),
    "voices and tracks": lambda: StemPool([], voices(), [], tracks()),
    "a voice and a track": lambda: StemPool([], voices()[:1], [], tracks()[:1]),
    "songs and voices": lambda: StemPool(songs(), voices()),
    "melodised voices": lambda: StemPool([], voices()[2:], instrumentals()),
    "short": lambda: StemPool([song(0, 0.3)], voices(0.2), instrumentals(0.2), tracks()),
}
