"""The files of presets: in the package, in a cache, or fetched from where the user says.

A wheel carries what people separate with. Float networks, for fine-tuning and conversion, other precisions and the
baselines are in a checkout (keras_sep/assets); `fetch` copies them from there, or from a URL, into the user's cache.
Every file is known by its SHA-256, wherever it comes from, and nothing is fetched unless it is asked for.
"""

from __future__ import annotations

import hashlib
import http.client
import os
import sys
import urllib.error
import urllib.parse
import urllib.request
from contextlib import closing
from pathlib import Path
from typing import Any

from keras_sep.errors import MissingModelError, ModelFileError

ASSETS = Path(__file__).parent / "assets"
SCHEMES = ("https", "http", "file")
_BLOCK = 1 << 18


def example() -> Path:
    """Gives the folder of the example song: mixture.flac, vocals.ogg and accompaniment.ogg, 25 s at 44.1 kHz.

    Examples:
        >>> from keras_sep import example
        >>> (example() / "mixture.flac").exists()
        True
    """
    return ASSETS / "example"


def cache_folder() -> Path:
    """Returns the folder of fetched files: $KERAS_SEP_CACHE, or keras_sep in the platform's folder for caches.

    Examples:
        >>> from keras_sep.store import cache_folder
        >>> cache_folder().is_absolute()
        True
    """
    if own := os.environ.get("KERAS_SEP_CACHE"):
        return Path(own)
    if sys.platform == "win32":
        return Path(os.environ.get("LOCALAPPDATA", Path.home() / "AppData" / "Local")) / "keras_sep"
    if sys.platform == "darwin":
        return Path.home() / "Library" / "Caches" / "keras_sep"
    return Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "keras_sep"


def find(file: str, sha256: str) -> Path:
    """Returns the path of a preset's file, of the installation or fetched.

    Args:
        file: name, such as "base.keras".
        sha256: 64 hexadecimal digits.

    Raises:
        MissingModelError: the file is not there; says what to do.
        ModelFileError: it is another one.

    Examples:
        >>> from keras_sep.presets import get_preset
        >>> from keras_sep.store import find
        >>> file = get_preset("small").file("mask", "dynamic_int8")
        >>> find(file.file, file.sha256).name
        'small-mask-dynamic_int8.tflite'
    """
    for folder in (ASSETS, cache_folder()):
        path = folder / file
        if not path.exists():
            continue
        try:
            digest = hashlib.sha256(path.read_bytes()).hexdigest()
        except OSError as error:
            raise ModelFileError(f"{path}: cannot read the preset's file: {error.strerror}") from error
        if digest != sha256:
            what = "install keras_sep anew" if folder == ASSETS else "fetch it again"
            raise ModelFileError(f"{path}: expected SHA-256 {sha256}. Received: {digest}; {what}")
        return path
    raise MissingModelError(
        f"{file} is not a part of this installation: keras-sep fetch copies it from a folder or a URL, such as a "
        "checkout's keras_sep/assets"
    )


def fetch(file: str, sha256: str, source: str | os.PathLike[str]) -> Path:
    """Copies or downloads a preset's file into the cache, unless it is there already.

    Args:
        file: name, such as "base.keras".
        sha256: what its digest must be.
        source: folder, or URL of one (https, http or file), that has a file of this name.

    Returns:
        Path of the file.

    Raises:
        ModelFileError: a source that cannot be read, or that has another file of this name.

    Examples:
        >>> from keras_sep.presets import get_preset
        >>> from keras_sep.store import ASSETS, fetch
        >>> file = get_preset("small").file("mask", "dynamic_int8")
        >>> fetch(file.file, file.sha256, source=ASSETS).is_file()
        True
    """
    try:
        return find(file, sha256)
    except ModelFileError:
        pass  # a wrong one in the cache is replaced
    target = cache_folder() / file
    part = target.with_name(f".{file}.{os.getpid()}.part")
    digest = hashlib.sha256()
    name = _location(source, file)
    try:
        target.parent.mkdir(parents=True, exist_ok=True)
        with closing(_open(name)) as stream, part.open("wb") as out:
            while block := stream.read(_BLOCK):
                digest.update(block)
                out.write(block)
        if digest.hexdigest() != sha256:
            raise ModelFileError(f"{name}: expected SHA-256 {sha256}. Received: {digest.hexdigest()}")
        part.replace(target)
    except urllib.error.URLError as error:
        raise ModelFileError(f"{name}: cannot be fetched: {error.reason}") from error
    except (OSError, http.client.HTTPException) as error:
        raise ModelFileError(f"{name}: cannot be fetched: {getattr(error, 'strerror', None) or error}") from error
    finally:
        part.unlink(missing_ok=True)
    return target


def _location(source: str | os.PathLike[str], file: str) -> str:
    text = os.fspath(source)
    try:
        scheme = urllib.parse.urlsplit(text).scheme
    except ValueError as error:
        raise ModelFileError(f"expected a folder, or a URL. Received: {text} ({error})") from error
    if "://" not in text:
        return str(Path(text) / file)
    if scheme not in SCHEMES:
        raise ModelFileError(f"expected a folder, or a URL with {', '.join(SCHEMES)}. Received: {text}")
    return f"{text.rstrip('/')}/{urllib.parse.quote(file)}"


def _open(name: str) -> Any:
    return urllib.request.urlopen(name, timeout=60) if "://" in name else Path(name).open("rb")
