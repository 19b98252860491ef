"""Cuts an example out of a song with stems: the seconds with the most voice.

    python -m examples.make_excerpt SONG_FOLDER keras_sep/assets/example

writes vocals.ogg and accompaniment.ogg, and mixture.flac, the sum of both as they decode.
"""

from __future__ import annotations

import sys
from pathlib import Path

import soundfile

from training.evaluation.metrics import most_active_excerpt

SECONDS = 25


def main(song: Path, out: Path) -> None:
    vocals, rate = soundfile.read(song / "vocals.ogg", dtype="float32", always_2d=True)
    part = most_active_excerpt(vocals, rate, SECONDS)
    out.mkdir(parents=True, exist_ok=True)
    decoded = []
    for name in ("vocals", "accompaniment"):
        stem, _ = soundfile.read(song / f"{name}.ogg", dtype="float32", always_2d=True)
        soundfile.write(out / f"{name}.ogg", stem[part], rate, compression_level=0.3)
        decoded.append(soundfile.read(out / f"{name}.ogg", dtype="float32", always_2d=True)[0])
    soundfile.write(out / "mixture.flac", decoded[0] + decoded[1], rate, subtype="PCM_16")
    print(f"{out}: {part.start / rate:.0f} to {part.stop / rate:.0f} s of {song.name}")


if __name__ == "__main__":
    main(Path(sys.argv[1]), Path(sys.argv[2]))
