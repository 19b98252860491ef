"""Training on waveforms: their spectra are taken on the device, in the graph."""

from __future__ import annotations

from typing import Any

from keras import ops

from keras_sep.separation import Separation
from keras_sep.signal import analysis_window
from keras_sep.spec import StreamSpec


def magnitudes_of(x: dict[str, Any], spec: StreamSpec):
    """What `Separation` takes, of what `training.data.workers.waveform_batches` draws.

    Args:
        x: `waveforms` (B, 3, C, S) and `curves` (B, 3, C, F) of vocals, accompaniment and noise floor.
        spec: stream format; a step divides a frame.

    Returns:
        What the network sees of the mixture (B, T, F, V), and a dict of the sources' magnitudes (B, T, F, C); the noise
        floor belongs to the accompaniment.
    """
    if spec.frame_length % spec.frame_step:
        raise ValueError(
            f"magnitudes_of: expected a frame_length divisible by frame_step={spec.frame_step}. "
            f"Received: frame_length={spec.frame_length}"
        )
    waveforms = x["waveforms"]
    overlap = spec.frame_length // spec.frame_step
    num_frames = waveforms.shape[-1] // spec.frame_step - overlap + 1
    steps = ops.reshape(waveforms, (-1, *waveforms.shape[1:3], num_frames + overlap - 1, spec.frame_step))
    frames = ops.concatenate([steps[..., i : i + num_frames, :] for i in range(overlap)], axis=-1)
    real, imaginary = ops.rfft(frames * analysis_window(spec), spec.fft_length)  # (B, 3, C, T, F)
    curves = ops.expand_dims(x["curves"], 3)
    parts = [real * curves, imaginary * curves]

    def magnitude(*sources: int, views: int = spec.num_channels):
        real, imaginary = (sum(part[:, i] for i in sources) for part in parts)  # (B, C, T, F)
        if views > spec.num_channels:  # mid and side, see keras_sep.signal.magnitude_views
            half = 0.5**0.5
            real, imaginary = (
                ops.concatenate([x, (x[:, :1] + x[:, 1:]) * half, (x[:, :1] - x[:, 1:]) * half], axis=1)
                for x in (real, imaginary)
            )
        return ops.transpose(ops.sqrt(ops.square(real) + ops.square(imaginary)), (0, 2, 3, 1))

    mixture = magnitude(0, 1, 2, views=spec.num_views)
    return mixture, {"vocals": magnitude(0), "accompaniment": magnitude(1, 2)}


class WaveformSeparation(Separation):
    """Trains on waveforms; validates on magnitudes, as `Separation` does."""

    def train_step(self, *state_and_data):
        # A backend with variables passes the data alone, one without them its state before.
        *state, (x,) = state_and_data
        return super().train_step(*state, magnitudes_of(x, self.network.spec))
