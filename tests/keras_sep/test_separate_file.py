"""Files in, stems out, by the Python interface."""

from __future__ import annotations

import threading

import numpy as np
import pytest
import soundfile

from keras_sep import AudioError, Separator
from keras_sep.audio import AudioReader
from tests.support.coded import lag


@pytest.fixture(scope="module")
def separator(unit_model) -> Separator:
    return Separator(model=unit_model("mask"))


def read(path) -> np.ndarray:
    return soundfile.read(path, dtype="float32", always_2d=True)[0]


KINDS = {
    "float.wav": ("WAV", "FLOAT"),
    "double.wav": ("WAV", "DOUBLE"),
    "32 bit.wav": ("WAV", "PCM_32"),
    "24 bit.wav": ("WAV", "PCM_24"),
    "16 bit.WAV": ("WAV", "PCM_16"),
    "8 bit.wav": ("WAV", "PCM_U8"),
    "adpcm.wav": ("WAV", "IMA_ADPCM"),
    "extensible.wav": ("WAVEX", "PCM_16"),
    "big.rf64": ("RF64", "PCM_16"),
    "apple.aiff": ("AIFF", "PCM_16"),
    "16 bit.flac": ("FLAC", "PCM_16"),
    "24 bit.FLAC": ("FLAC", "PCM_24"),
    "vorbis.ogg": ("OGG", "VORBIS"),
    "mpeg.mp3": ("MP3", "MPEG_LAYER_III"),
    "an mp3 named.wav": ("MP3", "MPEG_LAYER_III"),
    "sans suffixe – ça marche": ("FLAC", "PCM_16"),
}


@pytest.mark.parametrize("name", KINDS)
def test_every_kind_of_file_comes_out_as_it_went_in(separator, music, tmp_path, name):
    path, (container, subtype) = tmp_path / name, KINDS[name]
    x = music(1.0)
    soundfile.write(path, x, 44100, format=container, subtype=subtype)
    decoded = read(path)
    written = separator.separate_file(path, tmp_path / "stems")
    assert set(written) == {"vocals", "accompaniment"}
    vocals, accompaniment = read(written["vocals"]), read(written["accompaniment"])
    assert vocals.shape == accompaniment.shape == decoded.shape
    np.testing.assert_allclose(vocals, decoded, atol=1e-5)
    np.testing.assert_allclose(accompaniment, decoded / 2, atol=1e-5)
    assert lag(vocals, x) == 0
    assert lag(vocals[1:], x) == -1  # so a lost sample would show


@pytest.mark.parametrize(
    ("format", "subtype", "atol"), [("wav", "FLOAT", 1e-6), ("flac", "PCM_24", 1e-6), ("ogg", "VORBIS", 0.1)]
)
@pytest.mark.parametrize(("sample_rate", "num_channels"), [(44100, 2), (48000, 1), (22050, 3), (192000, 2)])
def test_every_output_keeps_length_rate_and_channels(
    separator, music, tmp_path, format, subtype, atol, sample_rate, num_channels
):
    x = music(0.5, sample_rate, num_channels)
    soundfile.write(tmp_path / "in.wav", x, sample_rate, subtype="FLOAT")
    expected = separator.separate(x, sample_rate)
    written = separator.separate_file(tmp_path / "in.wav", tmp_path / "stems", format=format)
    for source, path in written.items():
        assert path == tmp_path / "stems" / f"{source}.{format}"
        info = soundfile.info(path)
        assert (info.frames, info.samplerate, info.channels) == (len(x), sample_rate, num_channels)
        assert info.subtype == subtype
        # Vorbis puts the centre second, and libsndfile leaves it there.
        order = [0, 2, 1] if (format, num_channels) == ("ogg", 3) else slice(None)
        np.testing.assert_allclose(read(path), expected[source][:, order], atol=atol)
        assert lag(read(path), x) == 0
    assert sorted(p.name for p in (tmp_path / "stems").iterdir()) == [f"accompaniment.{format}", f"vocals.{format}"]


def test_wav_keeps_what_is_louder_than_full_scale(separator, music, tmp_path):
    x = 8 * music(0.3)
    assert np.abs(x).max() > 1.5
    soundfile.write(tmp_path / "loud.wav", x, 44100, subtype="FLOAT")
    for format, expected in (("wav", x), ("flac", np.clip(x, -1, 1))):
        written = separator.separate_file(tmp_path / "loud.wav", tmp_path, format=format)
        np.testing.assert_allclose(read(written["vocals"]), expected, atol=1e-5)


@pytest.mark.parametrize(("start", "duration"), [(0, 0.25), (0.3, None), (0.3, 0.25), (0.9, 60)])
def test_an_excerpt_is_the_excerpt(separator, music, tmp_path, start, duration):
    x = music(1.0)
    soundfile.write(tmp_path / "in.flac", x, 44100, subtype="PCM_24")
    first = round(start * 44100)
    last = len(x) if duration is None else min(len(x), first + round(duration * 44100))
    with AudioReader(tmp_path / "in.flac", start, duration) as reader:
        assert reader.num_samples == last - first
    written = separator.separate_file(tmp_path / "in.flac", tmp_path, start=start, duration=duration)
    np.testing.assert_allclose(read(written["vocals"]), x[first:last], atol=1e-5)


def test_what_a_format_cannot_hold_is_said(separator, music, tmp_path):
    soundfile.write(tmp_path / "in.wav", music(0.1, num_channels=9), 44100)
    with pytest.raises(AudioError, match=r"vocals.flac: cannot write: expected at most 8 channels as flac. Rec"):
        separator.separate_file(tmp_path / "in.wav", tmp_path / "a" / "b", format="flac")
    assert [p.name for p in tmp_path.iterdir()] == ["in.wav"]


@pytest.mark.parametrize("wrong", [{"stems": ["drums"]}, {"stems": []}, {"format": "aiff"}])
def test_unknown_stems_and_formats(separator, music, tmp_path, wrong):
    soundfile.write(tmp_path / "in.wav", music(0.1), 44100)
    with pytest.raises(AudioError, match=r"expected .* Received: "):
        separator.separate_file(tmp_path / "in.wav", tmp_path / "stems", **wrong)
    assert [p.name for p in tmp_path.iterdir()] == ["in.wav"]


@pytest.mark.parametrize("link", [False, True])
def test_the_input_is_never_replaced(separator, music, tmp_path, link):
    original = tmp_path / "vocals.wav"
    soundfile.write(original, music(0.1), 44100)
    content, path = original.read_bytes(), original
    if link:
        path = tmp_path / "link.wav"
        path.symlink_to(original)
    with pytest.raises(AudioError, match="it is the input"):
        separator.separate_file(path, tmp_path)
    assert original.read_bytes() == content
    assert {p.name for p in tmp_path.iterdir()} == {original.name, path.name}


def test_all_stems_or_none(separator, music, tmp_path):
    """The second one cannot be put in place; the first one must not have been."""
    soundfile.write(tmp_path / "in.wav", music(0.1), 44100)
    folder = tmp_path / "stems"
    (folder / "accompaniment.wav").mkdir(parents=True)
    with pytest.raises(AudioError, match=r"accompaniment.wav: cannot write: it is a folder"):
        separator.separate_file(tmp_path / "in.wav", folder)
    assert [p.name for p in folder.iterdir()] == ["accompaniment.wav"]


@pytest.mark.parametrize("sample_rate", [44100, 48000])
def test_progress_of_a_file(separator, music, tmp_path, sample_rate):
    x, seen = music(1.0, sample_rate), []
    soundfile.write(tmp_path / "in.wav", x, sample_rate)
    separator.separate_file(tmp_path / "in.wav", tmp_path, progress=lambda *numbers: seen.append(numbers))
    done = [numbers[0] for numbers in seen]
    assert done == sorted(set(done))
    assert seen[-1] == (len(x), len(x), sample_rate)


def test_a_progress_that_raises_leaves_nothing(separator, music, tmp_path):
    soundfile.write(tmp_path / "in.wav", np.tile(music(1.0), (5, 1)), 44100)
    before = threading.active_count()

    def stop(done: int, total: int | None, sample_rate: int) -> None:
        assert len(list((tmp_path / "new" / "stems").iterdir())) == 2  # they are being written
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        separator.separate_file(tmp_path / "in.wav", tmp_path / "new" / "stems", progress=stop)
    assert [p.name for p in tmp_path.iterdir()] == ["in.wav"]
    assert threading.active_count() == before
