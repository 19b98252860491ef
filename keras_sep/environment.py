"""Environment variables that are set while processes start which read them."""

from __future__ import annotations

import contextlib
import os
from collections.abc import Iterator, Mapping


@contextlib.contextmanager
def variables_set(variables: Mapping[str, str]) -> Iterator[None]:
    """Sets environment variables; in the end they are as before.

    Examples:
        >>> import os
        >>> from keras_sep.environment import variables_set
        >>> with variables_set({"KERAS_SEP_EXAMPLE": "1"}):
        ...     os.environ["KERAS_SEP_EXAMPLE"]
        '1'
        >>> "KERAS_SEP_EXAMPLE" in os.environ
        False
    """
    before = {name: os.environ.get(name) for name in variables}
    os.environ.update(variables)
    try:
        yield
    finally:
        for name, value in before.items():
            if value is None:
                del os.environ[name]
            else:
                os.environ[name] = value
