"""The main job once, by the commands a user types: separate, train, convert, verify, stream."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
import soundfile

from common.runs import load_best, read_history
from common.scores import snr_db
from keras_sep import Separator, StreamingSeparator
from keras_sep.inference import separate
from tests.support.paths import CONFIGS, EXAMPLE, ROOT
from tests.support.runs import RATE, options

# Of the converted files against the Keras network on a test song; dynamic_int8 has 8 bits, float32 its rounding.
SNR_DB = {"float32": 90, "dynamic_int8": 20}

pytestmark = [pytest.mark.end_to_end, pytest.mark.trains, pytest.mark.command]


def run(*command: object) -> str:
    """Runs a Python module as a command; what it printed, if it ended well."""
    result = subprocess.run(
        [sys.executable, "-m", *map(str, command)], cwd=ROOT, capture_output=True, text=True, check=False
    )
    assert result.returncode == 0, result.stderr
    return result.stdout


def test_a_song_is_separated_by_the_shipped_model(tmp_path):
    song = EXAMPLE / "mixture.flac"
    said = run("keras_sep.cli", "separate", song, "-o", tmp_path, "--start", "10", "--duration", "4")
    stems = {Path(line).stem: soundfile.read(line, dtype="float32")[0] for line in said.splitlines()}
    part = {"start": 10 * 44100, "frames": 4 * 44100, "dtype": "float32"}
    mixture = soundfile.read(song, **part)[0]
    np.testing.assert_allclose(stems["vocals"] + stems["accompaniment"], mixture, atol=1e-4)
    references = {source: soundfile.read(EXAMPLE / f"{source}.ogg", **part)[0] for source in stems}
    for source, reference in references.items():  # far more of it than the mixture has
        assert snr_db(reference, stems[source]) > max(0, snr_db(reference, mixture)) + 2


def test_a_network_is_trained_converted_verified_and_streamed(tmp_path, data):
    trained, converted = tmp_path / "run", tmp_path / "converted"
    run(
        "training",
        "train",
        CONFIGS / "shipped" / "base.toml",
        "--data",
        data,
        "--out",
        trained,
        *options("optimizer.total_steps=20"),
    )
    losses = [float(row["loss"]) for row in read_history(trained)]
    assert len(losses) == 10
    assert losses[-1] < 0.9 * losses[0]

    run("export", "convert", trained, "-o", converted, "--name", "mine", "--precisions", ",".join(SNR_DB))
    said = run("export", "verify", converted, "--data", data, "--seconds", "2", "--steps", "100")
    assert said.count(" passed |") == 4

    network = load_best(trained)
    assert network.spec.sample_rate == RATE
    mixture = sum(soundfile.read(path, dtype="float32")[0] for path in (data / "test/songs/test_one").iterdir())
    expected = separate(network, mixture)
    for file in json.loads((converted / "mine.json").read_text())["files"]:
        path = converted / file["file"]
        whole = Separator(model=path).separate(mixture, RATE)
        for source, stem in expected.items():
            assert snr_db(stem, whole[source]) > SNR_DB[file["precision"]]
        # In blocks of an odd length it is the same stem to the bit, late by the latency that the stream states.
        stream = StreamingSeparator(model=path)
        blocks = [stream.push(mixture[start : start + 333])["vocals"] for start in range(0, len(mixture), 333)]
        streamed = np.concatenate([*blocks, stream.flush()["vocals"]])[stream.algorithmic_latency :]
        np.testing.assert_array_equal(streamed[: len(mixture)], whole["vocals"])
        assert np.abs(streamed[1 : len(mixture)] - whole["vocals"][:-1]).max() > 1e-3  # a sample's shift is seen
