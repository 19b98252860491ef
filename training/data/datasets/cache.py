"""A cache of decoded stems on disk: int16 .npy files, memory-mapped, each with a small .json file.

The key of an entry comes from what would be decoded: paths, sizes and modification times of the files, streams, gains
and the sample rate. So a file is hashed and decoded once, and a restart reads only the .json files. The .json is
written last: if it exists, the .npy is whole. The folder is safe to delete.
"""

from __future__ import annotations

import hashlib
import json
import os
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import numpy.typing as npt

from common.files import sha256_of, write_json, written_beside
from common.song_stems import PADDING_S
from keras_sep.audio.parts import open_part
from training.data.datasets.decode import BLOCK_SAMPLES, Block, Unreadable, blocks
from training.data.datasets.track import Source

VERSION = 1  # part of every key: raise it when decoding changes, and everything is decoded anew


@dataclass(frozen=True)
class Entry:
    """A decoded stem.

    Attributes:
        audio: int16 (samples, 1 or 2), memory-mapped; the signal is `audio * scale / 32768`.
        scale: > 0; 1 unless the stem exceeds full scale.
        sha256: hash of the file. For a sum of files, a stream of a container or a gain, it is the hash of the list of
            the files' hashes, streams and gains.
    """

    audio: npt.NDArray[np.int16]
    scale: float
    sha256: str


class DecodeCache:
    """The entries of one folder at one sample rate.

    Args:
        folder: created when needed.
        sample_rate: Hz.
    """

    def __init__(self, folder: Path, sample_rate: int):
        self.folder, self.sample_rate = folder, sample_rate

    def find(self, dataset: str, sources: Sequence[Source]) -> Entry | None:
        """Returns the entry of the sum of `sources`, or None if it has to be decoded."""
        path = self._path(dataset, sources)
        try:
            about = json.loads(path.with_suffix(".json").read_text(encoding="utf-8"))
            return Entry(np.load(path, mmap_mode="r"), float(about["scale"]), str(about["sha256"]))
        except (OSError, EOFError, ValueError, KeyError):  # missing, or cut off by a full disk
            return None

    def decode(self, dataset: str, sources: Sequence[Source]) -> Entry:
        """Decodes the sum of `sources` and writes its entry.

        Two processes may decode the same stem at once; the files of the last one stay.

        Raises:
            Unreadable: a file is unreadable, or the lengths of the files differ by more than 0.1 s.
        """
        path = self._path(dataset, sources)
        self.folder.mkdir(parents=True, exist_ok=True)
        raw = path.with_name(f".{path.name}.raw.{os.getpid()}.part")
        # Both parts are locked: other machines may sweep the folder meanwhile.
        with written_beside(path) as part:
            try:
                channels, peak = 1, 0.0
                with open_part(raw) as file:
                    for block in _sum(sources, self.sample_rate):
                        channels, peak = block.shape[1], max(peak, float(np.abs(block).max(initial=0.0)))
                        file.write(np.ascontiguousarray(block, np.float32).tobytes())
                    file.flush()
                    hashes = {file_path: sha256_of(file_path) for file_path in {source.path for source in sources}}
                    # A sum may exceed full scale, which int16 cannot: it is kept smaller, and the factor beside it.
                    scale = 1.0 if peak <= 1.0 else peak * 32768 / 32767
                    _quantise(raw, part, channels, scale)
            finally:
                raw.unlink(missing_ok=True)
        rows = [
            {"path": str(s.path), "sha256": hashes[s.path], "stream": s.stream, "gain": s.gain} | _stat(s.path)
            for s in sources
        ]
        sha256 = hashes[sources[0].path]
        if len(sources) > 1 or sources[0].stream is not None or sources[0].gain != 1.0:
            recipe = [[row["sha256"], row["stream"], row["gain"]] for row in rows]
            sha256 = hashlib.sha256(json.dumps(recipe).encode()).hexdigest()
        about = {"sha256": sha256, "scale": scale, "sample_rate": self.sample_rate, "sources": rows}
        write_json(path.with_suffix(".json"), about)
        return Entry(np.load(path, mmap_mode="r"), scale, sha256)

    def _path(self, dataset: str, sources: Sequence[Source]) -> Path:
        recipe = [[str(s.path.resolve()), s.stream, s.gain, *_stat(s.path).values()] for s in sources]
        key = hashlib.sha256(json.dumps([VERSION, self.sample_rate, recipe]).encode()).hexdigest()[:24]
        return self.folder / f"{dataset}-{key}-{self.sample_rate}.npy"


def _stat(path: Path) -> dict[str, int]:
    try:
        stat = path.stat()
    except OSError:
        return {"size": -1, "mtime_ns": -1}
    return {"size": stat.st_size, "mtime_ns": stat.st_mtime_ns}


def _sum(sources: Sequence[Source], sample_rate: int) -> Iterator[Block]:
    """Yields the sum of `sources` in blocks, float32 (samples, 1 or 2); it is as long as the shortest of them."""
    streams = [blocks(source, sample_rate) for source in sources]
    heads = [np.zeros((0, 1), np.float32) for _ in streams]
    while True:
        for index, stream in enumerate(streams):
            while not len(heads[index]):
                block = next(stream, None)
                if block is None:
                    _check_rest(sources, streams, heads, sample_rate, index)
                    return
                heads[index] = block
        count = min(len(head) for head in heads)
        yield sum((head[:count] for head in heads[1:]), start=heads[0][:count])  # mono and stereo: broadcast
        heads = [head[count:] for head in heads]


def _check_rest(
    sources: Sequence[Source], streams: list[Iterator[Block]], heads: list[Block], sample_rate: int, ended: int
) -> None:
    for source, stream, head in zip(sources, streams, heads, strict=True):
        rest = len(head)
        for block in stream:
            rest += len(block)
            if rest > PADDING_S * sample_rate:
                break
        if rest > PADDING_S * sample_rate:
            raise Unreadable(
                f"{source.path}: expected stems of one length. Received: more than {PADDING_S} s over "
                f"{sources[ended].path.name}"
            )


def _quantise(raw: Path, out: Path, channels: int, scale: float) -> None:
    """Converts raw float32 samples to an int16 .npy file (samples, channels), divided by `scale`; block by block."""
    signal = np.memmap(raw, np.float32, mode="r").reshape(-1, channels)
    with open_part(out) as file:  # not memory-mapped: on a full disk that would be a signal in place of an error
        header = {"descr": "<i2", "fortran_order": False, "shape": signal.shape}
        np.lib.format.write_array_header_1_0(file, header)
        for start in range(0, len(signal), BLOCK_SAMPLES):
            block = signal[start : start + BLOCK_SAMPLES] * np.float32(32768 / scale)
            file.write(np.clip(np.round(block), -32768, 32767).astype("<i2").tobytes())
