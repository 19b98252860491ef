"""Random mixing: training segments put together from any voice and any music.

Everything is drawn from one NumPy generator, so a segment is a function of its seed. The levels and
probabilities are ours; they follow what songs do: a voice a few dB below its accompaniment, near the
centre, with some reverberation.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import soxr

from keras_sep.signal import stft
from keras_sep.spec import StreamSpec
from training.stems import Stem, StemPool

Waveform = npt.NDArray[np.float32]
SILENCE_RMS = 1e-2  # −40 dB: a voice segment below it is drawn again


@dataclass
class Segment:
    """Magnitudes (T, F, C) of one training excerpt."""

    mixture: npt.NDArray[np.float32]
    vocals: npt.NDArray[np.float32]
    accompaniment: npt.NDArray[np.float32]


class RandomMixer:
    """Draws segments from a pool.

    Args:
        pool: where voices and music come from.
        spec: stream format.
        num_frames: frames of a segment.
        augment: False draws plain mixtures at realistic levels, for validation.
    """

    def __init__(self, pool: StemPool, spec: StreamSpec, num_frames: int, augment: bool = True):
        if not pool.voices or not pool.instrumentals:
            found = f"{len(pool.voices)} voices, {len(pool.instrumentals)} instrumentals"
            raise ValueError(f"mixing: expected voices and instrumentals, at least one each. Received: {found}")
        self.pool, self.spec, self.num_frames, self.augment = pool, spec, num_frames, augment
        self.num_samples = (num_frames - 1) * spec.frame_step + spec.frame_length
        # Melodised syllables are long and few: a draw by file keeps real singers in the majority.
        self._voices = [stem for stem in pool.voices if stem.kind != "voice_melodised"]
        self._synthetic = [stem for stem in pool.voices if stem.kind == "voice_melodised"]

    def draw(self, rng: np.random.Generator) -> Segment:
        song = None
        if self.pool.songs and rng.random() < 0.3:
            song = self.pool.songs[rng.integers(len(self.pool.songs))]
            start = self._active_start(song.vocals, self.num_samples, rng)
            vocals = self._stereo(song.vocals.read(start, self.num_samples), rng)
            accompaniment = self._stereo(song.accompaniment.read(start, self.num_samples), rng)
        else:
            vocals, accompaniment = self._voice(rng), self._music(rng)
        if self.augment and rng.random() < 0.5:
            vocals, accompaniment = vocals[:, ::-1], accompaniment[:, ::-1]

        voice_db, music_db = _rms_db(vocals), _rms_db(accompaniment)
        level = rng.uniform(-34, -14) if self.augment else -20.0
        if music_db > -70:
            accompaniment = accompaniment * _gain(level - music_db)
        if voice_db > -60:
            balance = rng.normal(-3.0, 5.0)
            if song is not None and music_db > -50:  # near the song's own balance
                balance = voice_db - music_db + rng.normal(0.0, 3.0)
            vocals = vocals * _gain(level + float(np.clip(balance, -15, 12)) - voice_db)
        silent = rng.random()
        if silent < 0.08:
            vocals = np.zeros_like(vocals)
        elif silent < 0.11:
            accompaniment = np.zeros_like(accompaniment)

        v, a = stft(vocals, self.spec), stft(accompaniment, self.spec)
        if self.augment:
            v *= self._equaliser(rng)[None, :, None]
            a *= self._equaliser(rng)[None, :, None]
        return Segment(np.abs(v + a), np.abs(v), np.abs(a))

    # --- voices

    def _voice(self, rng: np.random.Generator) -> Waveform:
        voice = self._one_voice(rng)
        if self.augment and rng.random() < 0.2:  # a second singer, or the first once more
            voice = voice + self._one_voice(rng) * _gain(rng.uniform(-12, 0))
        if self.augment and rng.random() < 0.5:
            voice = self._reverberate(voice, rng)
        return voice

    def _one_voice(self, rng: np.random.Generator) -> Waveform:
        kind = rng.random()
        if self.pool.songs and kind < 0.25:
            stem = self.pool.songs[rng.integers(len(self.pool.songs))].vocals
        elif self._synthetic and (kind < 0.45 or not self._voices):
            stem = self._synthetic[rng.integers(len(self._synthetic))]
        else:
            stem = self._voices[rng.integers(len(self._voices))]
        ratio = float(2.0 ** rng.uniform(-0.33, 0.33)) if self.augment and rng.random() < 0.7 else 1.0
        length = int(np.ceil(self.num_samples * ratio)) + 8
        voice = _respeed(stem.read(self._active_start(stem, length, rng), length), ratio)[: self.num_samples]
        if voice.shape[1] == 1:
            return self._pan(voice, rng, spread=0.15 if rng.random() < 0.8 else 0.7)
        return self._stereo(voice, rng)

    def _active_start(self, stem: Stem, length: int, rng: np.random.Generator) -> int:
        last = max(1, len(stem.audio) - length)
        start = 0
        for _ in range(6):
            start = int(rng.integers(last))
            probe = stem.audio[start : start + length : 7].astype(np.float32) / 32768.0
            if np.sqrt(np.mean(probe**2)) > SILENCE_RMS:
                break
        return start

    # --- music

    def _music(self, rng: np.random.Generator) -> Waveform:
        kind = rng.random()
        if len(self.pool.instrument_tracks) >= 4 and kind < 0.3:
            return self._band(rng)
        if self.pool.songs and kind < 0.5:
            stem = self.pool.songs[rng.integers(len(self.pool.songs))].accompaniment
        else:
            stem = self.pool.instrumentals[rng.integers(len(self.pool.instrumentals))]
        return self._take(stem, rng)

    def _take(self, stem: Stem, rng: np.random.Generator) -> Waveform:
        ratio = float(2.0 ** rng.uniform(-0.2, 0.2)) if self.augment and rng.random() < 0.4 else 1.0
        length = int(np.ceil(self.num_samples * ratio)) + 8
        music = stem.read(int(rng.integers(max(1, len(stem.audio) - length))), length)
        music = _respeed(music, ratio)[: self.num_samples]
        if music.shape[1] == 1:
            return self._pan(music, rng, spread=0.8)
        return self._stereo(music, rng)

    def _band(self, rng: np.random.Generator) -> Waveform:
        """Two to five dry tracks, each with its own place and level."""
        tracks = self.pool.instrument_tracks
        band = np.zeros((self.num_samples, 2), np.float32)
        for index in rng.choice(len(tracks), size=int(rng.integers(2, min(6, len(tracks) + 1))), replace=False):
            track = self._take(tracks[index], rng)
            level = _rms_db(track)
            if level > -60:
                band += track * _gain(rng.uniform(-8, 0) - 20 - level)
        return self._reverberate(band, rng) if self.augment and rng.random() < 0.3 else band

    # --- effects

    def _stereo(self, x: Waveform, rng: np.random.Generator) -> Waveform:
        """Two channels, with a random width where there was one already."""
        if x.shape[1] == 1:
            return np.repeat(x, 2, axis=1)
        if not self.augment or rng.random() < 0.5:
            return x
        mid, side = x.mean(axis=1, keepdims=True), (x[:, :1] - x[:, 1:]) / 2
        side = side * rng.uniform(0.0, 1.4)
        return np.concatenate([mid + side, mid - side], axis=1)

    def _pan(self, x: Waveform, rng: np.random.Generator, spread: float) -> Waveform:
        """Constant-power panning of a mono signal; 0 is the centre, ±1 the sides."""
        angle = (float(np.clip(rng.normal(0, spread), -1, 1)) + 1) * np.pi / 4
        return x * np.array([[np.cos(angle), np.sin(angle)]], np.float32) * np.float32(np.sqrt(2))

    def _reverberate(self, x: Waveform, rng: np.random.Generator) -> Waveform:
        """Exponentially decaying noise as room response: 0.2 to 2 s to −60 dB, different in each channel."""
        rate = self.spec.sample_rate
        decay = rng.uniform(0.2, 2.0)
        length = int(min(decay, 1.0) * rate)
        time = np.arange(length, dtype=np.float32) / rate
        response = rng.standard_normal((length, 2), dtype=np.float32) * np.exp(-6.9 * time / decay)[:, None]
        # Rooms swallow high frequencies: average neighbours.
        response[1:] += response[:-1]
        response[2:] += 0.7 * response[:-2]
        delay = int(rng.uniform(0.0, 0.03) * rate)
        response = np.concatenate([np.zeros((delay, 2), np.float32), response])
        response /= np.sqrt(np.sum(response**2, axis=0, keepdims=True)) + 1e-9
        size = 1 << int(np.ceil(np.log2(len(x) + len(response))))
        wet = np.fft.irfft(np.fft.rfft(x.T, size) * np.fft.rfft(response.T, size), size)[:, : len(x)].T
        return x + wet.astype(np.float32) * _gain(rng.uniform(-18, -3))

    def _equaliser(self, rng: np.random.Generator) -> npt.NDArray[np.float32]:
        """Smooth random gain over log frequency, (F,): a tilt and a wave of a few dB."""
        octave = np.log2(np.maximum(np.arange(self.spec.num_bins), 1)) / np.log2(self.spec.num_bins)
        db = rng.normal(0, 4) * (octave - 0.6) + rng.normal(0, 2) * np.sin(
            2 * np.pi * (rng.uniform(0.5, 3) * octave + rng.random())
        )
        return np.power(10.0, db / 20).astype(np.float32)


def _respeed(x: Waveform, ratio: float) -> Waveform:
    """Plays `ratio` times as fast: pitch and formants move along."""
    return x if ratio == 1.0 else soxr.resample(x, ratio * 8000, 8000, quality="LQ").reshape(-1, x.shape[1])


def _rms_db(x: Waveform) -> float:
    return float(10 * np.log10(np.mean(np.square(x), dtype=np.float64) + 1e-12))


def _gain(db: float) -> np.float32:
    return np.float32(10.0 ** (db / 20))
