"""Files of a run that cannot be written: the former one stays, nothing half is left, and one line says why."""

from __future__ import annotations

from pathlib import Path

import keras
import pytest

from tests.support.small_disk import files_up_to
from training.engine import callbacks

LIMIT = 64 << 10  # bytes of a file, on a disk that is full as it were


@pytest.fixture
def network() -> keras.Model:
    model = keras.Sequential([keras.Input((200,)), keras.layers.Dense(400)])
    model.compile("adam")
    return model


def checkpoint(network: keras.Model, path: Path) -> None:
    callback = callbacks.Checkpoint(path)
    callback.set_model(network)
    callback.on_epoch_end(0)


WRITERS = [(checkpoint, "checkpoint.weights.h5"), (callbacks.save_network, "best.keras")]


@pytest.mark.parametrize(("write", "name"), WRITERS)
def test_a_full_disk(write, name, network, tmp_path, capfd):
    path = tmp_path / name
    write(network, path)
    before = path.read_bytes()
    assert len(before) > LIMIT
    network.set_weights([weight + 1 for weight in network.get_weights()])
    with files_up_to(LIMIT), pytest.raises(OSError, match=rf"^\[Errno 27\] File too large: '{path}'$"):
        write(network, path)
    assert path.read_bytes() == before
    assert list(tmp_path.iterdir()) == [path]
    assert capfd.readouterr() == ("", "")
    write(network, path)
    assert path.read_bytes() != before


@pytest.mark.parametrize("kind", [OSError, RuntimeError])
def test_an_error_of_hdf5_is_one_line(kind, network, tmp_path, monkeypatch):
    def fail(*_, **__):
        raise kind("Disable slist on flush dest failure failed (file write failed: time = Sun\n, errno = 28, error")

    monkeypatch.setattr(network, "save_weights", fail)
    path = tmp_path / "checkpoint.weights.h5"
    with pytest.raises(OSError, match=rf"^\[Errno 28\] No space left on device: '{path}'$"):
        checkpoint(network, path)


def test_another_error_stays_what_it_is(network, tmp_path, monkeypatch):
    monkeypatch.setattr(network, "save_weights", lambda *_, **__: 1 + [])  # type: ignore[operator]
    with pytest.raises(TypeError, match="unsupported operand"):
        checkpoint(network, tmp_path / "checkpoint.weights.h5")


@pytest.mark.parametrize(("write", "name"), WRITERS)
def test_an_interruption(write, name, network, tmp_path, monkeypatch):
    def interrupted(part, **_):
        Path(part).write_bytes(b"half")
        raise KeyboardInterrupt

    monkeypatch.setattr(network, "save", interrupted)
    monkeypatch.setattr(network, "save_weights", interrupted)
    with pytest.raises(KeyboardInterrupt):
        write(network, tmp_path / name)
    assert list(tmp_path.iterdir()) == []
