"""Networks of the first release in today's class.

tests/golden/first-release.{keras,npz} were made by the first release: a tiny or_unet_memories network in which
everything matters, 44.1 kHz stereo, 256 / 64, and its vocals' masks of `music`. Nothing here can make them anew.
"""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import numpy as np
import pytest

from export import __main__ as cli
from export.conversion.migrate import migrate
from keras_sep.models import BinMemoryUnet, load_network
from keras_sep.models.layers.bands import EVERY_BIN
from tests.support.networks import SMALL_SPEC, magnitude, masks_of, small_network
from tests.support.paths import GOLDEN

OLD = GOLDEN / "first-release.keras"


def music() -> np.ndarray:
    """Noise without a Nyquist bin, which counted for the loudness in the first release."""
    x = magnitude(12)
    x[:, :, -1] = 0
    return x


@pytest.fixture
def old(tmp_path) -> Path:
    """The old network beside a presets.json that lists it."""
    folder = tmp_path / "old"
    folder.mkdir()
    shutil.copy(OLD, folder / "small.keras")
    (folder / "presets.json").write_text(json.dumps({"small": {"spec": SMALL_SPEC.to_dict()}}))
    return folder / "small.keras"


def assert_is_the_old_network(network: BinMemoryUnet) -> None:
    expected = np.load(GOLDEN / "first-release.npz")["vocals_mask"]
    found = masks_of(network, music())
    np.testing.assert_allclose(found["vocals_mask"], expected, atol=1e-5)
    np.testing.assert_allclose(found["vocals_mask"] + found["accompaniment_mask"], 1, atol=1e-5)
    assert np.abs(found["vocals_mask"][:, :-1] - expected[:, 1:]).max() > 1e-2  # a frame's shift is seen


def test_the_masks_are_the_old_ones():
    network = migrate(OLD, SMALL_SPEC)
    assert network.config.bands == EVERY_BIN
    assert (network.config.gru_units, network.config.memory_units) == (12, 72)
    assert_is_the_old_network(network)


def test_every_weight_is_brought_over():
    """None is left as a new network has it; biases are zeros in both, for the old one has not been trained."""
    network = migrate(OLD, SMALL_SPEC)
    fresh = BinMemoryUnet(network.config, SMALL_SPEC)
    for mine, theirs in zip(network.weights, fresh.weights, strict=True):
        if np.any(theirs) or "norm" in mine.path:
            assert np.abs(np.asarray(mine) - np.asarray(theirs)).max() > 1e-3, mine.path


def test_the_command_writes_a_network_that_is_loaded(old, tmp_path, capsys):
    new = tmp_path / "new.keras"
    assert cli.main(["migrate", str(old), "-o", str(new)]) == 0
    assert capsys.readouterr().out == f"{new}\n"
    assert_is_the_old_network(load_network(new))
    assert sorted(path.name for path in tmp_path.iterdir()) == ["new.keras", "old"]


def test_a_network_may_take_its_own_place(old):
    assert cli.main(["migrate", str(old), "-o", str(old)]) == 0
    assert_is_the_old_network(load_network(old))
    assert sorted(path.name for path in old.parent.iterdir()) == ["presets.json", "small.keras"]


def test_what_cannot_be_is_one_line_and_nothing_is_written(old, tmp_path, capsys):
    new = tmp_path / "new.keras"

    def refused(path: Path) -> str:
        assert cli.main(["migrate", str(path), "-o", str(new)]) == 1
        said = capsys.readouterr().err
        assert said.startswith("error: ")
        assert said.count("\n") == 1
        assert not new.exists()
        return said

    other = old.with_name("other.keras")
    assert f"{other}: expected a preset in {old.with_name('presets.json')}" in refused(other)
    old.write_bytes(b"nothing")
    assert "small.keras: expected an or_unet_memories network of the first release: " in refused(old)
    old.unlink()
    assert "small.keras: expected an or_unet_memories network of the first release: " in refused(old)
    old.with_name("presets.json").unlink()
    assert "expected JSON written by convert" in refused(old)


def test_a_network_of_today_is_refused(tmp_path):
    path = tmp_path / "new.keras"
    small_network(1, BinMemoryUnet).save(path)
    with pytest.raises(ValueError, match=r"new\.keras: expected an or_unet_memories network of the first release"):
        migrate(path, SMALL_SPEC)
