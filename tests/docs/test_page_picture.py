"""The command of the README's picture shows the example song separated, in spectrograms that are full."""

from __future__ import annotations

import pytest

from docs.make_page_picture import MARGIN, WIDTH, draw_page
from tests.support.needs import needs_chromium, needs_page

SPECTROGRAM, STEP = 120, 130  # pixels: the height of one, and from one to the next


@needs_page
@needs_chromium
@pytest.mark.browser
def test_the_picture_shows_three_full_spectrograms(tmp_path):
    image = pytest.importorskip("matplotlib.image")
    draw_page(tmp_path / "page.png")
    picture = image.imread(tmp_path / "page.png")[..., :3]
    assert picture.shape[1] == WIDTH
    bottom = len(picture) - MARGIN
    ends = [bottom - STEP * number for number in (2, 1, 0)]
    song, voice, accompaniment = (picture[end - SPECTROGRAM + 1 : end - 1, 110:850] for end in ends)
    assert min(song.mean(), accompaniment.mean()) > 1.5 * voice.mean()  # the example's singer pauses
    for view in (song, voice, accompaniment):
        for part in (view[:, 150:250], view[:, -100:]):
            assert part.std() > 0.1  # empty, it has one colour
