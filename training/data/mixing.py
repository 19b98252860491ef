"""Random mixing: training segments composed of any voice and any music.

Everything is drawn from one NumPy generator, so a segment depends only on its seed. The paper publishes no values: all
are our choices, in `Mixing`, in the constants below or next to their draw. Real songs are the guide: a voice about as
loud as its accompaniment, near the centre, with reverberation, often silent for seconds.

Waveforms are (channels, samples) float32, full scale ±1; a mono waveform stays mono until its transform.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import PurePosixPath
from typing import Any

import numpy as np
import numpy.typing as npt

from keras_sep.spec import StreamSpec
from training.data import effects
from training.data.effects import Waveform
from training.data.excerpts import Excerpt, Source
from training.data.stems import Song, Stem, StemPool

Array = npt.NDArray[np.float32]

SONG_SHARE = (0.25, 0.75)  # bounds of the share of voices (and of music) from songs, which follows the count of files
LOUD_DB, QUIET_DB, QUIET_SHARE = (-22.0, -7.0), (-42.0, -22.0), 0.3  # RMS of the accompaniment
BALANCE_DB, BALANCE_SPREAD_DB, BALANCE_RANGE_DB = -2.0, 5.0, (-15.0, 12.0)  # RMS of the voice over the accompaniment's
PEAK = (0.9, 1.2)  # largest peak of a mixture; a louder mixture is turned down as a whole …
MASTERED_DB = (3.0, 10.0)  # … but in a share of them the limiter first lowers the peaks, by up to this
PAUSE_S = (0.8, 3.5)  # length of an added pause, and of the sound between two pauses
NARROW_HZ = (7000.0, 19000.0)  # cutoff of a mixture without the highest frequencies
LEAD_IN = (0.1, 0.6)  # share of an excerpt before its song begins …
LEAD_IN_FLOOR_DB = (-90.0, -50.0)  # … and RMS of the noise floor, which is there from the first sample on …
LEAD_IN_SILENCE = 0.4  # … except in this share, which begin with digital silence
FLOOR_DB = -100.0  # RMS of the quietest noise floor, that of 16 bits


@dataclass(frozen=True)
class Mixing:
    """The table [mixing]: settings of the random mixer.

    Unless noted, each is the probability, per excerpt, from 0 to 1, that …

    Args:
        together: vocals and accompaniment are of one song; otherwise each is drawn on its own.
        song_length: not a probability: the power of a song's length to which its chance is proportional. 0 draws all
            songs equally often, 1 in proportion to their length.
        melodised: a voice is one of the melodised ones, made of synthetic syllables, which are long and few.
        band: music is composed of single instruments.
        voice_silent, music_silent: the source is silent in the whole excerpt.
        voice_pauses, music_pauses: the source gets additional pauses.
        mastered: a mixture that is too loud is limited, not only turned down.
        equaliser: a source gets a random spectral tilt and wave.
        narrow: a mixture lacks the highest frequencies.
        lead_in: a mixture begins with a noise floor alone, or with digital silence, as recordings do.
        floor: a mixture has a noise floor.
        floor_db: not a probability: RMS of the loudest noise floor, from −100 to 0 dB relative to full scale. That of
            tape is −62.
    """

    together: float = 0.25
    song_length: float = 0.5
    melodised: float = 0.2
    band: float = 0.25
    voice_silent: float = 0.07
    music_silent: float = 0.03
    voice_pauses: float = 0.25
    music_pauses: float = 0.04
    mastered: float = 0.6
    equaliser: float = 1.0
    narrow: float = 0.1
    lead_in: float = 0.0
    floor: float = 0.3
    floor_db: float = -80.0

    def __post_init__(self) -> None:
        for field in dataclasses.fields(self):
            value, least, most = getattr(self, field.name), 0.0, 1.0
            if field.name == "floor_db":
                least, most = FLOOR_DB, 0.0
            if not least <= value <= most:
                raise ValueError(f"mixing: expected {field.name} from {least:g} to {most:g}. Received: {value:g}")


class Activity:
    """The places where a stem sounds: blocks of 0.1 s within 30 dB of the 90 % quantile, and above −60 dB."""

    def __init__(self, stem: Stem, sample_rate: int):
        self.block, power = 4 * max(1, round(0.025 * sample_rate)), []
        for start in range(0, len(stem.audio), 256 * self.block):
            part = np.asarray(stem.audio[start : start + 256 * self.block : 4], np.float32)  # every 4th sample will do
            part = np.pad(part * np.float32(stem.scale / 32768), ((0, -len(part) % (self.block // 4)), (0, 0)))
            blocks = part.reshape(-1, self.block // 4 * part.shape[1])
            power.append(np.einsum("bs,bs->b", blocks, blocks) / blocks.shape[1])
        levels = np.concatenate(power) if power else np.zeros(1)
        audible = levels[levels > 1e-6]
        loud = float(np.quantile(audible, 0.9)) if len(audible) else 1.0
        active = levels > max(1e-6, 1e-3 * loud)
        self.count = np.concatenate([[0], np.cumsum(active)])
        self.level_db = float(10 * np.log10(levels[active].mean())) if active.any() else -120.0

    def start(self, length: int, samples: int, share: float, rng: np.random.Generator) -> int:
        """Draws the start of an excerpt that is active in at least `share` of its blocks.

        If no place of the stem is as active as that, it is one with at least 80 % of the most active one's blocks.

        Args:
            length: of the stem, in samples.
            samples: of the excerpt.
            share: from 0 to 1.
            rng: generator to draw from.
        """
        blocks = min(len(self.count) - 1, -(-samples // self.block))
        active = (self.count[blocks:] - self.count[:-blocks]) / blocks
        (places,) = np.nonzero(active >= min(share, 0.8 * active.max()))
        start = int(places[rng.integers(len(places))] * self.block + rng.integers(self.block))
        return max(0, min(start, length - samples))

    def bounds(self) -> tuple[int, int]:
        """Returns the first sample of the first active block, and the end of the last one."""
        (active,) = np.nonzero(np.diff(self.count))
        return (int(active[0]) * self.block, int(active[-1] + 1) * self.block) if len(active) else (0, self.block)


class RandomMixer:
    """A mixer that draws excerpts from a pool.

    Voices are `pool.voices` and the vocals of songs. Music is `pool.instrumentals`, bands of `pool.instrument_tracks`
    and the accompaniments of songs. Songs alone, or voices and music without songs, are enough.

    Args:
        pool: the recordings.
        spec: stream format, with one or two channels.
        num_frames: frames T of a segment, ≥ 1, which take (T − 1)·frame_step + frame_length samples.
        mixing: settings; None for the defaults.

    Raises:
        ValueError: the pool has no voice or no music, or the spec has more than two channels.
    """

    def __init__(self, pool: StemPool, spec: StreamSpec, num_frames: int, mixing: Mixing | None = None):
        music = len(pool.songs) + len(pool.instrumentals) + len(pool.instrument_tracks)
        if not music or not (pool.songs or pool.voices):
            found = (
                f"{len(pool.songs)} songs, {len(pool.voices)} voices, {len(pool.instrumentals)} instrumentals, "
                f"{len(pool.instrument_tracks)} instrument tracks"
            )
            raise ValueError(f"mixing: expected songs, or both voices and music. Received: {found}")
        if spec.num_channels > 2:
            raise ValueError(f"mixing: expected one or two channels. Received: num_channels={spec.num_channels}")
        self.pool, self.spec, self.num_frames, self.mixing = pool, spec, num_frames, mixing or Mixing()
        self._voices = [stem for stem in pool.voices if stem.kind != "voice_melodised"]
        self._melodised = [stem for stem in pool.voices if stem.kind == "voice_melodised"]
        self._folders: dict[PurePosixPath, list[Stem]] = {}
        for stem in pool.voices:
            self._folders.setdefault(PurePosixPath(stem.path).parent, []).append(stem)
        self._activities: dict[int, Activity] = {}
        lengths = np.array([len(song.vocals.audio) for song in pool.songs]) ** self.mixing.song_length
        self._song_draw = lengths / lengths.sum() if self.mixing.song_length else None

    def __getstate__(self) -> dict[str, Any]:
        return {**self.__dict__, "_activities": {}}  # its keys are addresses, which another process does not share

    def num_samples(self, frames: int) -> int:
        return (frames - 1) * self.spec.frame_step + self.spec.frame_length

    def draw(self, rng: np.random.Generator) -> Excerpt:
        """Draws an excerpt; it depends only on `rng`."""
        samples = self.num_samples(self.num_frames)
        song = None
        if self.pool.songs and rng.random() < self.mixing.together:
            song = self._one_song(rng)
            voice, music = self._song(song, samples, rng)
        else:
            voice, music = self._voice(samples, rng), self._music(samples, rng)
        if rng.random() < self.mixing.voice_pauses:
            self._pause(voice, rng)
        if rng.random() < self.mixing.music_pauses:
            self._pause(music, rng)
        if song is None:
            voice = self._sing_in_a_room(voice, samples, rng)
        position = rng.normal(0, 0.15 if rng.random() < 0.8 else 0.7)
        lead_in = rng.random() < self.mixing.lead_in
        hiss = lead_in and rng.random() >= LEAD_IN_SILENCE
        if lead_in:
            begin, fade = int(rng.uniform(*LEAD_IN) * samples), int(rng.uniform(0.0, 0.05) * self.spec.sample_rate)
            for waveform in (voice, music):
                effects.silence(waveform, 0, begin, fade)
        vocals = self._source(voice, position if len(voice) == 1 and song is None else 0.0, rng)
        accompaniment = self._source(music, rng.normal(0, 0.5) if len(music) == 1 and song is None else 0.0, rng)
        if rng.random() < 0.5:
            for source in (vocals, accompaniment):
                # Left and right, (channels, samples).
                source.waveform, source.gains = source.waveform[::-1], source.gains[::-1]

        level = rng.uniform(*(QUIET_DB if rng.random() < QUIET_SHARE else LOUD_DB))
        if song is None:
            balance = float(np.clip(rng.normal(BALANCE_DB, BALANCE_SPREAD_DB), *BALANCE_RANGE_DB))
        else:  # near the balance of the song, however quiet its voice is there
            balance = min(_balance_db(vocals, accompaniment) + rng.normal(0, 3), BALANCE_RANGE_DB[1])
        _set_level(accompaniment, level)
        _set_level(vocals, level + balance)
        silent = rng.random()
        if silent < self.mixing.voice_silent:
            vocals.gains = np.zeros_like(vocals.gains)
        elif silent < self.mixing.voice_silent + self.mixing.music_silent:
            accompaniment.gains = np.zeros_like(accompaniment.gains)
        mastered_db = rng.uniform(*MASTERED_DB) if rng.random() < self.mixing.mastered else 0.0
        _limit(vocals, accompaniment, rng.uniform(*PEAK), mastered_db)
        if rng.random() < self.mixing.narrow:
            cutoff = np.exp(rng.uniform(*np.log(NARROW_HZ)))
            for source in (vocals, accompaniment):
                source.equaliser = source.equaliser * effects.low_pass(
                    cutoff, self.spec.num_bins, self.spec.sample_rate
                )
        floor = self._floor(samples, rng, hiss) if hiss or not lead_in else None
        return Excerpt(vocals, accompaniment, self.spec, self.num_frames, floor)

    def draw_plain(self, index: int) -> Excerpt:
        """Draws validation mixture number `index`, without effects; it is the same in every run.

        Songs are taken in turn, with their own balance. If the pool also has voices and music outside songs, every
        second mixture is of those, with the voice 2 ± 3 dB below the music. The voice sounds for at least half of the
        time if its stem allows. Mixtures are spread evenly from −32 to −10 dB RMS. Peaks above full scale are limited
        by up to 6 dB; beyond that the mixture is turned down.

        Args:
            index: ≥ 0.
        """
        rng = np.random.default_rng([20190512, index])
        samples, neutral = self.num_samples(self.num_frames), np.ones(self.spec.num_bins, np.float32)
        apart = self.pool.voices and (self.pool.instrumentals or self.pool.instrument_tracks)
        if self.pool.songs and not (apart and index % 2):
            song = self.pool.songs[(index // 2 if apart else index) % len(self.pool.songs)]
            start = self._start(song.vocals, samples, 0.5, rng)
            voice, music = (self._loop(stem, samples, start) for stem in (song.vocals, song.accompaniment))
            balance = None
        else:
            voice = self._phrases(_one(self.pool.voices, rng), samples, 0.5, rng)
            stems = self.pool.instrumentals or self.pool.instrument_tracks
            stem = _one(stems, rng)
            music = self._loop(stem, samples, int(rng.integers(max(1, len(stem.audio) - samples))))
            balance = rng.normal(BALANCE_DB, 3.0)
        vocals, accompaniment = (Source(self._channels(x), neutral, self._ones()) for x in (voice, music))
        if balance is not None:
            _set_level(accompaniment, -20.0)
            _set_level(vocals, -20.0 + balance)
        level = -32.0 + 22.0 * ((index * 0.6180339887) % 1.0)
        change = level - effects.active_rms_db(vocals.scaled() + accompaniment.scaled())
        for source in (vocals, accompaniment):
            source.gains = source.gains * np.float32(effects.gain(min(change, 60.0)))
        _limit(vocals, accompaniment, 1.0, 6.0)
        return Excerpt(vocals, accompaniment, self.spec, self.num_frames)

    # --- songs

    def _one_song(self, rng: np.random.Generator) -> Song:
        songs = self.pool.songs
        return _one(songs, rng) if self._song_draw is None else songs[rng.choice(len(songs), p=self._song_draw)]

    def _song(self, song: Song, samples: int, rng: np.random.Generator) -> tuple[Waveform, Waveform]:
        """Reads both stems at one place of a song; in one of three cases they are resampled by up to 2.4 semitones."""
        ratio = _ratio(rng, 0.2) if rng.random() < 0.33 else 1.0
        length = _needed(samples, ratio)
        start = self._start(song.vocals, length, _wanted_share(rng), rng)
        voice, music = (
            effects.resample(self._loop(stem, length, start), ratio)[:, :samples]
            for stem in (song.vocals, song.accompaniment)
        )
        return voice, music

    # --- voices

    def _voice(self, samples: int, rng: np.random.Generator) -> Waveform:
        kind, songs = rng.random(), self._song_share(len(self._voices), bool(self.pool.voices))
        if kind < songs:
            stem = self._one_song(rng).vocals
        elif self._melodised and (kind < songs + self.mixing.melodised or not self._voices):
            stem = _one(self._melodised, rng)
        else:
            stem = _one(self._voices, rng)
        pitch = tempo = 1.0
        change = rng.random()
        if change < 0.45:  # pitch and tempo by the same ratio, up to four semitones
            pitch = tempo = _ratio(rng, 0.33)
        elif change < 0.7:  # each by its own ratio
            pitch, tempo = _ratio(rng, 0.33), _ratio(rng, 0.25)
        voice = self._phrases(stem, _needed(samples, tempo, pitch), _wanted_share(rng), rng)
        voice = effects.change_pitch_and_tempo(voice, pitch, tempo, self.spec.sample_rate)[:, :samples]
        return effects.change_width(voice, rng.uniform(0.0, 1.4)) if len(voice) == 2 and rng.random() < 0.3 else voice

    def _sing_in_a_room(self, voice: Waveform, samples: int, rng: np.random.Generator) -> Waveform:
        """Adds a second voice to two voices of ten, another singer or the same, and reverberation to four of ten."""
        company = rng.random()
        if company < 0.2:
            if company < 0.1:
                other = self._phrases(
                    _one(self.pool.voices or [s.vocals for s in self.pool.songs], rng), samples, 0.5, rng
                )
                level = effects.active_rms_db(voice) - effects.active_rms_db(other) + rng.uniform(-12, 0)
            else:
                other, level = effects.double(voice, rng, self.spec.sample_rate), rng.uniform(-9, -1)
            side = rng.uniform(-0.6, 0.6)
            if len(other) == 1:
                other = other * effects.pan_gains(side)[:, None]
            voice = effects.stereo(voice) + other * np.float32(effects.gain(min(level, 60.0)))
        return effects.reverberate(voice, rng, self.spec.sample_rate) if rng.random() < 0.4 else voice

    def _phrases(self, stem: Stem, samples: int, share: float, rng: np.random.Generator) -> Waveform:
        """Reads `samples` of a voice: a place in the stem or, if that is too short, stems of its folder joined.

        Joined phrases are cut to where they sound, brought to one loudness and set 0.1 to 0.6 s apart, as breath would.
        They follow in the order of their paths, so that most are of one singer, and begin anew after the last. The
        excerpt starts anywhere in the first half of the first phrase.
        """
        if len(stem.audio) >= samples:
            return _read(stem, self._start(stem, samples, share, rng), samples)
        folder = self._folders.get(PurePosixPath(stem.path).parent, [stem])
        index = next((i for i, other in enumerate(folder) if other is stem), 0)
        rate, parts, length, skip = self.spec.sample_rate, [], 0, None
        while skip is None or length < samples + skip:
            activity = self._activity(folder[index % len(folder)])
            begin, end = activity.bounds()
            part = _read(folder[index % len(folder)], begin, min(end - begin, 2 * samples))
            effects.silence(part, 0, 0, round(0.01 * rate))
            effects.silence(part, part.shape[1], part.shape[1], round(0.01 * rate))
            part *= np.float32(effects.gain(min(-20.0 - activity.level_db, 60.0)))
            if skip is None:
                skip = int(rng.integers(part.shape[1] // 2 + 1))
            pause = np.zeros((len(part), int(rng.uniform(0.1, 0.6) * rate)), np.float32)
            parts += [part, pause]
            length += part.shape[1] + pause.shape[1]
            index += 1
        channels = max(len(part) for part in parts)
        return np.concatenate([np.repeat(p, channels // len(p), axis=0) for p in parts], axis=1)[
            :, skip : skip + samples
        ]

    # --- music

    def _music(self, samples: int, rng: np.random.Generator) -> Waveform:
        kind, tracks = rng.random(), self.pool.instrument_tracks
        if len(tracks) >= 4 and (kind < self.mixing.band or not (self.pool.songs or self.pool.instrumentals)):
            return self._band(samples, rng)
        stems = self.pool.instrumentals or tracks
        if rng.random() < self._song_share(len(stems), bool(stems)):
            return self._take(self._one_song(rng).accompaniment, samples, rng)
        return self._take(_one(stems, rng), samples, rng)

    def _take(self, stem: Stem, samples: int, rng: np.random.Generator) -> Waveform:
        """Reads a place in a stem; in four of ten cases it is resampled by up to 2.4 semitones, up or down."""
        ratio = _ratio(rng, 0.2) if rng.random() < 0.4 else 1.0
        length = _needed(samples, ratio)
        # A stem that is too short also starts anywhere, for it is repeated.
        start = int(rng.integers(max(1, abs(len(stem.audio) - length))))
        music = effects.resample(self._loop(stem, length, start), ratio)[:, :samples]
        return effects.change_width(music, rng.uniform(0.0, 1.4)) if len(music) == 2 and rng.random() < 0.3 else music

    def _loop(self, stem: Stem, samples: int, start: int) -> Waveform:
        """Reads `samples` from `start` on; a stem that is too short is repeated, with crossfades of 20 ms."""
        length = len(stem.audio)
        if length >= samples:
            return _read(stem, min(start, length - samples), samples)
        once, fade = _read(stem, 0, max(length, 1)), round(0.02 * self.spec.sample_rate)
        if length > 4 * fade:
            slope = np.linspace(0, 1, fade, dtype=np.float32)
            once = np.concatenate([once[:, fade:-fade], once[:, -fade:] * (1 - slope) + once[:, :fade] * slope], axis=1)
        start %= once.shape[1]
        return np.tile(once, -(-(samples + start) // once.shape[1]))[:, start : start + samples]

    def _band(self, samples: int, rng: np.random.Generator) -> Waveform:
        """Mixes two to five dry tracks with random positions and loudness; three of ten bands get reverberation."""
        tracks = self.pool.instrument_tracks
        band = np.zeros((2, samples), np.float32)
        for index in rng.choice(len(tracks), size=int(rng.integers(2, min(6, len(tracks) + 1))), replace=False):
            track = self._take(tracks[index], samples, rng)
            level = effects.active_rms_db(track)
            if level > -60:
                gains = effects.pan_gains(rng.normal(0, 0.6)) if len(track) == 1 else self._ones()
                band += track * (gains * np.float32(effects.gain(rng.uniform(-8, 0) - 20 - level)))[:, None]
        return effects.reverberate(band, rng, self.spec.sample_rate) if rng.random() < 0.3 else band

    # --- both

    def _pause(self, x: Waveform, rng: np.random.Generator) -> None:
        """Mutes a waveform in place, in turns: silence and sound last PAUSE_S each, with fades of 20 to 80 ms."""
        rate = self.spec.sample_rate
        place = int(rng.uniform(-PAUSE_S[1], PAUSE_S[1]) * rate)
        while place < x.shape[1]:
            stop = place + int(rng.uniform(*PAUSE_S) * rate)
            effects.silence(x, place, stop, int(rng.uniform(0.02, 0.08) * rate))
            place = stop + int(rng.uniform(*PAUSE_S) * rate)

    def _floor(self, samples: int, rng: np.random.Generator, hiss: bool) -> Source | None:
        """Draws a noise floor, or None: Gaussian, white or coloured; in one of five the same in both channels."""
        if rng.random() >= self.mixing.floor and not hiss:
            return None
        channels = self.spec.num_channels if rng.random() < 0.8 else 1
        noise = rng.standard_normal((channels, samples), np.float32)
        colour = effects.equaliser(rng, self.spec.num_bins) if rng.random() < 0.5 else np.float32(1.0)
        levels = LEAD_IN_FLOOR_DB if hiss else (FLOOR_DB, self.mixing.floor_db)
        level = np.float32(effects.gain(rng.uniform(*levels)))
        return Source(noise, colour * np.ones(self.spec.num_bins, np.float32), level * self._ones())

    def _source(self, x: Waveform, position: float, rng: np.random.Generator) -> Source:
        gains = effects.pan_gains(position) if self.spec.num_channels == 2 and len(x) == 1 else self._ones()
        # Both are always drawn, so that later draws do not depend on the setting.
        curve, flat = effects.equaliser(rng, self.spec.num_bins), rng.random() >= self.mixing.equaliser
        return Source(self._channels(x), np.ones_like(curve) if flat else curve, gains)

    def _channels(self, x: Waveform) -> Waveform:
        return x if len(x) <= self.spec.num_channels else x.mean(axis=0, keepdims=True)

    def _ones(self) -> Array:
        return np.ones(self.spec.num_channels, np.float32)

    def _song_share(self, others: int, alternatives: bool) -> float:
        songs = len(self.pool.songs)
        if not songs or not alternatives:
            return float(songs > 0)
        return float(np.clip(songs / (songs + others), *SONG_SHARE))

    def _start(self, stem: Stem, samples: int, share: float, rng: np.random.Generator) -> int:
        return self._activity(stem).start(len(stem.audio), samples, share, rng)

    def _activity(self, stem: Stem) -> Activity:
        """Returns the activity of a stem, which is computed at its first use and kept: a few thousand numbers."""
        if id(stem) not in self._activities:
            self._activities[id(stem)] = Activity(stem, self.spec.sample_rate)
        return self._activities[id(stem)]


def _one(stems: Sequence, rng: np.random.Generator):
    return stems[int(rng.integers(len(stems)))]


def _read(stem: Stem, start: int, samples: int) -> Waveform:
    return np.ascontiguousarray(stem.read(start, samples).T)


def _needed(samples: int, ratio: float, pitch: float = 1.0) -> int:
    """Returns the number of samples to read for `samples` played `ratio` times as fast, with some for rounding."""
    return samples if ratio == pitch == 1.0 else int(np.ceil(samples * ratio)) + 64


def _ratio(rng: np.random.Generator, octaves: float) -> float:
    """Draws a ratio of up to `octaves` up or down, rounded to hundredths: soxr is faster at such ratios (measured)."""
    return round(float(2.0 ** rng.uniform(-octaves, octaves)), 2)


def _wanted_share(rng: np.random.Generator) -> float:
    """Draws the least share of an excerpt in which the voice sounds: mostly singing, or with the pauses of a song."""
    return 0.6 if rng.random() < 0.6 else 0.15


def _level_db(source: Source) -> float:
    power = float(np.mean(np.square(source.gains))) if len(source.waveform) == 1 else 1.0
    return effects.active_rms_db(source.waveform) + 10 * float(np.log10(power + 1e-12))


def _balance_db(vocals: Source, accompaniment: Source) -> float:
    return _level_db(vocals) - _level_db(accompaniment)


def _set_level(source: Source, level_db: float) -> None:
    """Scales a source to an RMS in dB; leaves one below −60 dB alone, for that would only amplify its noise."""
    now = _level_db(source)
    if now > -60:
        source.gains = source.gains * np.float32(effects.gain(level_db - now))


def _limit(vocals: Source, accompaniment: Source, peak: float, mastered_db: float) -> None:
    """Keeps the mixture within `peak`: limits its peaks by up to `mastered_db`, then turns it down as far as needed.

    Both sources get the same gain at each sample, so that they still add up to the mixture.
    """
    mixture = vocals.scaled() + accompaniment.scaled()
    highest = max(float(mixture.max()), -float(mixture.min()))
    if highest <= peak:
        return
    down = np.float32(min(1.0, peak / highest * effects.gain(mastered_db)))
    curve = effects.limiter(mixture * down, peak) if mastered_db else np.float32(1.0)
    for source in (vocals, accompaniment):
        source.gains = source.gains * down
        if mastered_db and source.gains.any():
            source.waveform = source.waveform * curve
