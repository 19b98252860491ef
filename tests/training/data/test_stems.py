from __future__ import annotations

import numpy as np

from training.data.stems import Song, Stem, StemPool, split_in_time


def test_hold_out_cuts_every_stem():
    vocals, music, voice = (
        Stem(kind, kind, np.arange(n, dtype=np.int16)[:, None]) for kind, n in zip("abc", (100, 100, 50), strict=True)
    )
    early, late = split_in_time(StemPool([Song("song", vocals, music)], [voice]))
    for stem, first, second in zip((vocals, music, voice), early.stems(), late.stems(), strict=True):
        np.testing.assert_array_equal(np.concatenate([first.audio, second.audio]), stem.audio)
        assert len(second.audio) * 5 == len(stem.audio)
