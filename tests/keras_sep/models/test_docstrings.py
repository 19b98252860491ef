"""The examples in the docstrings of the networks do what they say."""

from __future__ import annotations

import doctest
import sys

import numpy as np
import pytest

from keras_sep.models import ARCHITECTURES


@pytest.mark.parametrize("name", ARCHITECTURES)
def test_the_example_of_a_network_runs(name):
    network = ARCHITECTURES[name]
    names = {**vars(sys.modules[network.__module__]), "np": np}
    (test,) = (found for found in doctest.DocTestFinder(recurse=False).find(network, globs=names) if found.examples)
    assert doctest.DocTestRunner().run(test).failed == 0
