"""Audio format of a stream: rates, frames, channels, latency.

Everything that reads or writes audio for a model takes its numbers from a `StreamSpec`. It travels
as JSON inside every .tflite file, so that no caller has to repeat a constant.
"""

from __future__ import annotations

import dataclasses
import json
from dataclasses import dataclass
from typing import Any

import numpy as np

WINDOWS = ("hann",)
CHANNEL_VIEWS = {1: ("mono",), 2: ("left", "right")}
MID_SIDE = ("mid", "side")
MOST_CHANNELS = 64


@dataclass(frozen=True)
class StreamSpec:
    """The audio format of a separator and its short-time Fourier transform (STFT).

    The paper does not publish these numbers; the defaults are ours.

    Args:
        sample_rate: Hz, 8000 to 192000.
        num_channels: channels of the mixture and of every stem, 1 to 64.
        frame_length: samples of one STFT frame, even; 46.4 ms at the defaults.
        frame_step: samples from one frame to the next (the hop); divides `frame_length`.
        fft_length: points of the Fourier transform, even, ≥ `frame_length` (zero-padded behind).
        window: "hann", periodic; used for analysis and for synthesis.
        sources: names of the stems, in the order of the masks.
        views: magnitudes that a network sees of each bin: the channels themselves, ("left", "right") of two, and, if it
            has them, "mid" and "side" after those: |L + R| / √2 and |L − R| / √2. None for the channels.

    Raises:
        ValueError: names the field, the value received and what was expected.

    Examples:
        >>> from keras_sep import StreamSpec
        >>> spec = StreamSpec()
        >>> spec.num_bins, spec.algorithmic_latency, round(spec.algorithmic_latency_ms, 1)
        (1025, 2048, 46.4)
        >>> StreamSpec(views=("left", "right", "mid", "side")).num_views
        4
    """

    sample_rate: int = 44100
    num_channels: int = 2
    frame_length: int = 2048
    frame_step: int = 512
    fft_length: int = 2048
    window: str = "hann"
    sources: tuple[str, ...] = ("vocals", "accompaniment")
    views: tuple[str, ...] | None = None

    def __post_init__(self) -> None:
        for name in ("sample_rate", "num_channels", "frame_length", "frame_step", "fft_length"):
            value = getattr(self, name)
            if isinstance(value, bool) or not isinstance(value, (int, np.integer)):
                raise ValueError(f"StreamSpec: {name} must be an integer. Received: {name}={value!r}")
            object.__setattr__(self, name, int(value))
        self._require(1 <= self.num_channels <= MOST_CHANNELS, "num_channels", f"from 1 to {MOST_CHANNELS}")
        for name in ("sources", "views"):
            value = getattr(self, name)
            is_names = isinstance(value, (list, tuple)) and all(isinstance(each, str) for each in value)
            self._require(is_names or (value is None and name == "views"), name, "a list of names")
        object.__setattr__(self, "sources", tuple(self.sources))
        channels = CHANNEL_VIEWS.get(self.num_channels, tuple(f"channel_{i + 1}" for i in range(self.num_channels)))
        object.__setattr__(self, "views", channels if self.views is None else tuple(self.views))
        self._require(8000 <= self.sample_rate <= 192000, "sample_rate", "from 8000 to 192000 Hz")
        self._require(
            self.frame_length >= 4 and self.frame_length % 2 == 0, "frame_length", "an even number of at least 4"
        )
        # A squared Hann window adds up to a constant only with three or more frames over each sample.
        self._require(
            self.frame_step >= 1
            and self.frame_length % self.frame_step == 0
            and self.frame_length >= 3 * self.frame_step,
            "frame_step",
            f"a divisor of frame_length={self.frame_length}, at most a third of it",
        )
        self._require(
            self.fft_length >= self.frame_length and self.fft_length % 2 == 0,
            "fft_length",
            f"even and at least frame_length={self.frame_length}",
        )
        self._require(self.window in WINDOWS, "window", f"one of {', '.join(WINDOWS)}")
        self._require(
            len(self.sources) > 0
            and len(set(self.sources)) == len(self.sources)
            and all(source.isidentifier() for source in self.sources),
            "sources",
            "distinct names made of letters, digits and _",
        )
        known = [channels, (*channels, *MID_SIDE)] if self.num_channels == 2 else [channels]
        self._require(self.views in known, "views", f"one of {', '.join(map(str, known))}")

    def _require(self, condition: bool, name: str, expected: str) -> None:
        if not condition:
            raise ValueError(f"StreamSpec: {name} must be {expected}. Received: {name}={getattr(self, name)!r}")

    @property
    def num_bins(self) -> int:
        """Bins of the half spectrum, from 0 Hz to half the sample rate, both included."""
        return self.fft_length // 2 + 1

    @property
    def dc_bins(self) -> int:
        """Lowest bins that a DC offset fills through the window: 0 Hz and, without zero-padding, one more."""
        return -(-2 * self.fft_length // self.frame_length)

    @property
    def num_views(self) -> int:
        """Magnitudes that a network sees of each bin: one for each channel, and two more with mid and side."""
        return len(self.views or ())

    @property
    def algorithmic_latency(self) -> int:
        """Samples by which a stem lags behind the mixture: one frame, 2048 = 46.4 ms by default.

        A frame's first `frame_step` samples are complete once its last sample is there
        (`frame_length - frame_step` samples), and samples arrive in steps (`frame_step` more).
        """
        return self.frame_length

    @property
    def stem_delay(self) -> int:
        """Samples by which an engine's stems lag behind what it is fed: a frame less its own step."""
        return self.frame_length - self.frame_step

    @property
    def algorithmic_latency_ms(self) -> float:
        """`algorithmic_latency` in milliseconds."""
        return 1000.0 * self.algorithmic_latency / self.sample_rate

    def to_json(self) -> str:
        """Returns the fields as JSON, as they stand in a file's metadata."""
        return json.dumps(self.to_dict(), sort_keys=True)

    def to_dict(self) -> dict[str, Any]:
        """Returns the fields by name, with lists in place of tuples."""
        return {**dataclasses.asdict(self), "sources": list(self.sources), "views": list(self.views or ())}

    @classmethod
    def from_dict(cls, fields: dict[str, Any]) -> StreamSpec:
        """Makes a spec of what `to_dict` returned; ValueError for missing or unknown fields."""
        known = {field.name for field in dataclasses.fields(cls)}
        # Files of the first release name no views: their networks see the channels.
        if not isinstance(fields, dict) or set(fields) | {"views"} != known:
            found = sorted(fields) if isinstance(fields, dict) else fields
            raise ValueError(f"StreamSpec: expected the fields {sorted(known)}. Received: {found}")
        return cls(**fields)

    @classmethod
    def from_json(cls, text: str) -> StreamSpec:
        """Makes a spec of what `to_json` returned; ValueError for anything else."""
        try:
            fields = json.loads(text)
        except (ValueError, RecursionError) as error:  # also: a number of thousands of digits
            raise ValueError(f"StreamSpec: expected JSON. Received: {text[:80]!r}") from error
        return cls.from_dict(fields)
