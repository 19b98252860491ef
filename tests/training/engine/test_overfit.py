"""The OR-U-Net learns one mixture by heart, and the exported files know it too. About a minute on two cores."""

from __future__ import annotations

from pathlib import Path

import keras
import numpy as np
import pytest
import soundfile

from export.conversion.convert import convert
from keras_sep import Separator, StreamSpec
from keras_sep.models import OrUnet
from keras_sep.separation import Separation
from keras_sep.signal import StreamingStft
from tests.support.paths import EXAMPLE
from training.evaluation.metrics import si_sdr

pytestmark = [pytest.mark.trains, pytest.mark.whole_size]
SPEC = StreamSpec()
SEGMENTS, EPOCHS = 8, 30


@pytest.fixture(scope="module")
def stems() -> dict[str, np.ndarray]:
    """10 s, from 0:10 on; their mixture has a vocals SI-SDR of −3.6 dB."""
    part = {"dtype": "float32", "start": 10 * SPEC.sample_rate, "frames": 10 * SPEC.sample_rate}
    return {source: soundfile.read(EXAMPLE / f"{source}.ogg", **part)[0] for source in SPEC.sources}


@pytest.fixture(scope="module")
def learned(stems, tmp_path_factory) -> dict[str, Path]:
    """Files by precision, of a network that was trained on nothing but this mixture."""

    def segments(waveform: np.ndarray) -> np.ndarray:
        magnitude = np.abs(StreamingStft(SPEC).push(waveform))
        num_frames = len(magnitude) // SEGMENTS
        return magnitude[: SEGMENTS * num_frames].reshape(SEGMENTS, num_frames, *magnitude.shape[1:])

    keras.utils.set_random_seed(0)
    network = OrUnet("s", SPEC)
    model = Separation(network)
    model.compile(keras.optimizers.Adam(keras.optimizers.schedules.CosineDecay(5e-3, SEGMENTS * EPOCHS)))
    x, y = segments(sum(stems.values())), {source: segments(stem) for source, stem in stems.items()}
    model.fit(x, y, batch_size=1, epochs=EPOCHS, verbose=0)
    out = tmp_path_factory.mktemp("learned")
    files = convert(network, out, "learned", graphs=("waveform",))
    return {file["precision"]: out / file["file"] for file in files}


@pytest.mark.parametrize("precision", ["float32", "dynamic_int8"])
def test_one_mixture_is_learned_by_heart(learned, stems, precision):
    mixture = sum(stems.values())
    estimate = Separator(model=learned[precision]).separate(mixture, SPEC.sample_rate)["vocals"]
    assert si_sdr(stems["vocals"], mixture) < -3
    assert si_sdr(stems["vocals"], estimate) > 8.5  # 9.3
