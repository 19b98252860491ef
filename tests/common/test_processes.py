from __future__ import annotations

import multiprocessing
import os
import time

import pytest

from common.processes import process_pool


def _note(path: str, text: str) -> None:
    with open(path, "a") as file:
        file.write(text)


@pytest.mark.slow("starts processes")
def test_every_process_is_prepared_and_ends(tmp_path):
    path = tmp_path / "notes"
    with process_pool(1, _note, str(path), "ready ") as pool:
        assert pool.submit(os.getpid).result() != os.getpid()
        pool.submit(_note, str(path), "done").result()
    assert path.read_text() == "ready done"
    assert multiprocessing.active_children() == []


@pytest.mark.slow("starts processes")
def test_after_an_exception_nothing_is_waited_for():
    def interrupted() -> None:
        with process_pool(1) as pool:
            pool.submit(os.getpid).result()
            pool.submit(time.sleep, 100)
            raise KeyboardInterrupt

    start = time.monotonic()
    with pytest.raises(KeyboardInterrupt):
        interrupted()
    assert time.monotonic() - start < 60
    assert multiprocessing.active_children() == []
