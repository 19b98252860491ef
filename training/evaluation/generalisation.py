"""The separation of voices and music that a network was not trained on, compared with those that it was trained on.

Voices of one split are mixed with music of either split (`RandomMixer.draw_plain`: no effects, the voice 2 ± 3 dB below
the music). If scores are worse with voices, or music, of the validation split, the network generalises less well to
them, or they are harder.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Literal

import keras
import numpy as np

from common.markdown import decibels, table
from keras_sep.separation import Separation, si_sdr_of_masks
from training.data.batches import Arrays, validation_segments
from training.data.datasets import load_split
from training.data.stems import Stem, StemPool
from training.engine.warm_start import load_init, same_spec
from training.evaluation.oracles import vocals_mask

SPLITS: tuple[Literal["train", "valid"], ...] = ("train", "valid")


def gap(networks: Sequence[str], data: Path, cache: Path, num_frames: int, count: int) -> str:
    """Scores networks on mixtures of both splits; returns a Markdown table of SI-SDR, vocals / accompaniment, in dB.

    A row is the mean of `count` mixtures of one origin of voices and one of music.

    Args:
        networks: presets with a Keras network, or run folders.
        data: folder of stems with the splits train and valid.
        cache: folder for decoded audio.
        num_frames: length of a mixture in frames, a multiple of the patch step of each U-Net, ≥ 1.
        count: number of mixtures of a row, ≥ 1.

    Raises:
        ValueError: a network is neither a preset nor a run, or the networks have different specs; or
            `num_frames` does not fit one.
    """
    found = {name: load_init(name) for name in networks}
    spec = same_spec({name: network.spec for name, network in found.items()})
    for name, network in found.items():
        if num_frames % network.least_frames:
            raise ValueError(
                f"--frames: expected a multiple of {network.least_frames} for {name}. Received: {num_frames}"
            )
    models = [Separation(network) for network in found.values()]
    for model in models:
        model.compile()
    pools = {split: load_split(data, split, cache, spec.sample_rate) for split in SPLITS}
    heads = ["voices", "music", *(f"{name} V / A" for name in ("mixture", "IRM1", *networks))]
    rows = []
    for voices, music, pool in _cases(pools):
        x, y = validation_segments(pool, spec, num_frames, count)
        ideal, mixture = vocals_mask(y["vocals"], y["accompaniment"], "irm1"), x[..., : spec.num_channels]
        whole = np.ones_like(mixture)
        cells = [_score(mixture, y, whole, whole), _score(mixture, y, ideal, 1 - ideal)]
        for model in models:
            found = model.evaluate(x, y, batch_size=8, verbose=0, return_dict=True)
            cells.append(f"{decibels(found['vocals_si_sdr'])} / {decibels(found['accompaniment_si_sdr'])}")
        rows.append([voices, music, *cells])
    return table(heads, rows)


def _score(x: np.ndarray, y: Arrays, *masks: np.ndarray) -> str:
    cells = []
    for source, mask in zip(("vocals", "accompaniment"), masks, strict=True):
        found = si_sdr_of_masks(x, y, {f"{source}_mask": mask}, source)
        values, audible = (keras.ops.convert_to_numpy(value) for value in found)
        cells.append(decibels(float(np.average(values, weights=audible)) if audible.any() else float("nan")))
    return " / ".join(cells)


def _cases(pools: dict[Literal["train", "valid"], StemPool]) -> list[tuple[str, str, StemPool]]:
    def real(pool: StemPool) -> list[Stem]:
        return [stem for stem in pool.voices if stem.kind != "voice_melodised"]

    pairs = [(v, m) for v in SPLITS for m in SPLITS]
    cases = [
        (f"{v}: voices", f"{m}: instrumentals", StemPool([], real(pools[v]), pools[m].instrumentals)) for v, m in pairs
    ]
    for v, m in pairs:
        vocals, others = [s.vocals for s in pools[v].songs], [s.accompaniment for s in pools[m].songs]
        cases.append((f"{v}: songs' vocals", f"{m}: songs' accompaniments, shuffled", StemPool([], vocals, others)))
    cases += [(f"{split}: songs", "their own", StemPool(pools[split].songs)) for split in SPLITS]
    return [case for case in cases if case[2].songs or (case[2].voices and case[2].instrumentals)]
