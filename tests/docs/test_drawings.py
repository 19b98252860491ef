"""The drawings are those of today's networks."""

from __future__ import annotations

import xml.etree.ElementTree as ElementTree

import pytest

from docs import make_drawings
from keras_sep.models import BinMemoryUnet, OrUnet
from keras_sep.presets import presets
from keras_sep.spec import StreamSpec
from tests.support.paths import ROOT

IMAGES = ROOT / "docs" / "images"


@pytest.mark.whole_size
def test_the_drawings_are_those_of_the_code():
    drawn = make_drawings.drawings()
    assert set(drawn) == {path.name for path in IMAGES.glob("*.svg")}
    for name, text in drawn.items():
        assert (IMAGES / name).read_text(encoding="utf-8") == text, f"{name}: run python -m docs.make_drawings"


def test_the_shapes_are_those_of_a_forward_pass():
    found = make_drawings.shapes(OrUnet("tiny"))
    assert found["bands"] == (320, 2)
    assert found["down_1"] == (160, 6)
    assert found["squeeze"] == (40, 4)
    assert found["up_1"] == (320, 6)
    assert found["mask"] == (320, 2)


def test_another_size_is_drawn_otherwise():
    text = make_drawings.draw_network(BinMemoryUnet("tiny"))
    assert "GRU, 12 units" in text
    assert text.count(">memory<") == 2
    ElementTree.fromstring(text)


def test_the_time_line_has_the_specs_numbers():
    text = make_drawings.draw_time_line(StreamSpec(sample_rate=8000, frame_length=512, frame_step=128, fft_length=512))
    assert "latency 512 samples = 64.0 ms" in text
    assert text.count(">step 0<") == 3  # arrives, is frame 0, leaves
    ElementTree.fromstring(text)


@pytest.mark.parametrize("costs", [make_drawings.sizes_of_presets, make_drawings.times_of_presets])
def test_every_preset_is_drawn(costs):
    text = make_drawings.draw_presets(costs(), (1, 10, 100), "title", "MB")
    ElementTree.fromstring(text)
    for name, preset in presets().items():
        for precision in {file.precision for file in preset.files}:
            assert text.count(f">{name}, {precision}<") == 1


def test_every_curve_is_drawn(tmp_path, monkeypatch):
    for name, losses in (("base", (0.41, 0.36, 0.33)), ("small", (0.46, 0.42))):
        rows = "".join(f"{1_000_000 * (i + 1)},{loss}\n" for i, loss in enumerate(losses))
        (tmp_path / f"{name}.csv").write_text(f"frames,val_spectrogram_loss\n{rows}")
    monkeypatch.setattr(make_drawings, "CURVES", tmp_path)
    text = make_drawings.draw_curves()
    ElementTree.fromstring(text)
    lines = [line.split('"')[1].split() for line in text.splitlines() if line.startswith("<polyline")]
    assert [len(line) for line in lines] == [3, 2]
    places = [tuple(map(float, point.split(","))) for point in lines[0]]
    assert places == sorted(places)  # to the right and down
    assert places[-1][0] == 630
    # 0.30 is at the bottom, 0.50 at the top.
    assert places[-1][1] == pytest.approx(370 - 310 * 0.03 / 0.2, abs=0.1)


@pytest.mark.slow("mixes and draws")
def test_a_mixture_is_drawn(tmp_path):
    make_drawings.draw_mixture(tmp_path / "mixture.png")
    assert (tmp_path / "mixture.png").read_bytes().startswith(b"\x89PNG")
