"""Run folders: what can be read of them, and what is said of a folder that is none."""

from __future__ import annotations

import numpy as np
import pytest

from common.runs import best_row, hours, load_best, read_config, read_history
from keras_sep.models import BinMemoryUnet
from keras_sep.spec import StreamSpec
from tests.support.networks import small_network
from tests.support.runs import TINY_SPEC, write_run


def test_a_run_is_read(tmp_path):
    network = small_network(2, BinMemoryUnet, StreamSpec(**TINY_SPEC))
    more = ("optimizer.total_steps=6", "model.architecture=bin_memory_unet")
    run = write_run(tmp_path / "run", *more, network=network)
    assert read_config(run)["model"]["architecture"] == "bin_memory_unet"
    best = load_best(run)
    assert type(best) is BinMemoryUnet
    assert (best.spec, best.config) == (network.spec, network.config)
    for weight, other in zip(best.get_weights(), network.get_weights(), strict=True):
        np.testing.assert_array_equal(weight, other)
    assert [row["step"] for row in read_history(run)] == ["2", "4", "6"]
    assert hours(run) == pytest.approx(3 * 1.5 / 3600)


def test_the_best_epoch_has_the_lowest_validation_loss(tmp_path):
    run = write_run(tmp_path / "run", "optimizer.total_steps=6")
    assert best_row(run)["step"] == 6
    path = run / "history.csv"
    head, *rows = path.read_text().splitlines()
    path.write_text("\n".join([head, *reversed(rows)]) + "\n")
    assert read_history(run)[0]["step"] == "6"
    assert best_row(run)["step"] == 6  # wherever its row stands
    # A kill in the middle of a line leaves one that is cut off.
    path.write_text("\n".join([head, *rows[:2], rows[2][:9]]))
    assert best_row(run)["step"] == 4


def test_a_run_without_an_epoch_has_no_best(tmp_path):
    run = write_run(tmp_path / "run", "optimizer.total_steps=6", epochs=0)
    assert read_history(run) == []
    assert hours(run) == 0
    with pytest.raises(ValueError, match=r"expected a run with a finished epoch\. Received: none"):
        best_row(run)


@pytest.mark.parametrize("text", [None, "", "[]", "{}", '{"architecture": "or_unet"}'])
def test_a_folder_that_is_no_run_is_named(tmp_path, text):
    if text is not None:
        (tmp_path / "config.json").write_text(text)
    for read in (read_config, load_best):
        with pytest.raises(ValueError, match="expected a run folder of `python -m training train`"):
            read(tmp_path)


def test_a_network_that_cannot_be_read_is_named(tmp_path):
    run = write_run(tmp_path / "run", "optimizer.total_steps=2")
    (run / "best.keras").write_bytes(b"nothing")
    with pytest.raises(ValueError, match=r"run: expected a run folder of"):
        load_best(run)
