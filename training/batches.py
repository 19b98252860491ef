"""Batches of random segments for `fit`; no TensorFlow, so that every Keras backend can use them."""

from __future__ import annotations

import keras
import numpy as np

from keras_sep.spec import StreamSpec
from training.mixing import RandomMixer, Segment
from training.stems import StemPool

Batch = tuple[np.ndarray, dict[str, np.ndarray]]


def stack(segments: list[Segment]) -> Batch:
    """x (B, T, F, C) and y by source, as `keras_sep.separation.Separation` takes them."""
    return np.stack([s.mixture for s in segments]), {
        "vocals": np.stack([s.vocals for s in segments]),
        "accompaniment": np.stack([s.accompaniment for s in segments]),
    }


class RandomBatches(keras.utils.PyDataset):
    """`steps` batches an epoch; a batch is a function of (seed, epoch, index), so a resumed run goes on alike."""

    def __init__(self, mixer: RandomMixer, batch_size: int, steps: int, seed: int, first_epoch: int = 0, **kwargs):
        super().__init__(**kwargs)
        self.mixer, self.batch_size, self.steps, self.seed, self.epoch = mixer, batch_size, steps, seed, first_epoch

    def __len__(self) -> int:
        return self.steps

    def __getitem__(self, index: int) -> Batch:
        rng = np.random.default_rng([self.seed, self.epoch, index])
        return stack([self.mixer.draw(rng) for _ in range(self.batch_size)])

    def on_epoch_end(self) -> None:
        self.epoch += 1


def validation_batches(pool: StemPool, spec: StreamSpec, num_frames: int, batch_size: int, batches: int) -> list[Batch]:
    """A fixed set of plain mixtures, the same in every run."""
    mixer = RandomMixer(pool, spec, num_frames, augment=False)
    rng = np.random.default_rng(20190512)
    return [stack([mixer.draw(rng) for _ in range(batch_size)]) for _ in range(batches)]
