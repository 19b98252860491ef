from __future__ import annotations

import os

import pytest

from keras_sep.environment import variables_set


def fail() -> None:
    raise KeyError(os.environ["KERAS_SEP_OLD"] + os.environ["KERAS_SEP_NEW"])


def test_variables_are_as_before_whatever_happens(monkeypatch):
    monkeypatch.setenv("KERAS_SEP_OLD", "before")
    monkeypatch.delenv("KERAS_SEP_NEW", raising=False)
    with pytest.raises(KeyError, match="12"), variables_set({"KERAS_SEP_OLD": "1", "KERAS_SEP_NEW": "2"}):
        fail()
    assert os.environ["KERAS_SEP_OLD"] == "before"
    assert "KERAS_SEP_NEW" not in os.environ
