"""The mixture that a method separates, and the references that its estimates are scored against."""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np
import numpy.typing as npt

from training.data.stems import Song

Waveform = npt.NDArray[np.float32]
Stems = dict[str, Waveform]

SOURCES = ("vocals", "accompaniment")


@dataclass(frozen=True)
class ScoredMixture:
    """One song under one condition.

    Args:
        song: name of the song.
        sample_rate: Hz.
        references: true stems by source, each (samples, 1 or 2), float32, full scale ±1.
        mixture: of the same shape; by default the sum of the references, which some conditions change.
    """

    song: str
    sample_rate: int
    references: Stems
    mixture: Waveform = field(default_factory=lambda: np.zeros((0, 0), np.float32))

    def __post_init__(self) -> None:
        if not self.mixture.size:
            object.__setattr__(self, "mixture", sum(self.references[source] for source in SOURCES))

    @classmethod
    def of_song(cls, song: Song, sample_rate: int) -> ScoredMixture:
        """Reads a whole, unchanged song; where one stem is stereo, a mono one is given to both sides."""
        references = [stem.read(0, len(stem.audio)) for stem in (song.vocals, song.accompaniment)]
        channels = max(reference.shape[1] for reference in references)
        stems = {
            source: reference if reference.shape[1] == channels else np.repeat(reference, channels, axis=1)
            for source, reference in zip(SOURCES, references, strict=True)
        }
        return cls(song.name, sample_rate, stems)
