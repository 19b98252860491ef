from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from concurrent.futures import ProcessPoolExecutor
from pathlib import Path

import numpy as np
import pytest
import soundfile
import stempeg

from keras_sep.audio import parts
from tests.support.needs import needs_ffmpeg
from tests.support.paths import ROOT
from training.data.datasets import DATASETS, cache, load_split
from training.data.datasets.cache import DecodeCache
from training.data.datasets.track import Source
from training.data.stems import Stem, StemPool

RATE = 44100
SECONDS = 0.3
STEM_FILE = Path(stempeg.__file__).parent / "data" / "The Easton Ellises - Falcon 69.stem.mp4"


def write(path: Path, level: float = 0.1, seconds: float = SECONDS, channels: int = 2, rate: int = RATE) -> Path:
    """Noise that depends on the path: no two stems are alike."""
    path.parent.mkdir(parents=True, exist_ok=True)
    rng = np.random.default_rng(list(str(path).encode()))
    soundfile.write(path, level * rng.uniform(-1, 1, (round(seconds * rate), channels)), rate, subtype="PCM_16")
    return path


def signal(*paths: Path) -> np.ndarray:
    return sum(soundfile.read(path, always_2d=True)[0] for path in paths)


def whole(stem: Stem) -> np.ndarray:
    return stem.read(0, len(stem.audio))


def equal(stem: Stem, *paths: Path) -> None:
    np.testing.assert_allclose(whole(stem), signal(*paths), atol=2 / 32768)


def load(data: Path, split: str, tmp_path: Path, **options) -> StemPool:
    return load_split(data, split, tmp_path / "cache", RATE, progress=False, **options)  # type: ignore[arg-type]


def names(pool: StemPool) -> list[str]:
    return [song.name for song in pool.songs]


# --- folder


@pytest.fixture(scope="module")
def folder(tmp_path_factory) -> Path:
    root = tmp_path_factory.mktemp("folder")
    for split in ("train", "valid"):
        for song in ("one", "two"):
            for stem in ("vocals", "accompaniment"):
                write(root / split / "songs" / f"{song}_{split}" / f"{stem}.wav")
        write(root / split / "voices" / "a.flac", channels=1)
        write(root / split / "voices" / "b.flac", channels=1, rate=22050)
        write(root / split / "instrumentals" / "a.wav")
        for index in range(2):
            write(root / split / "instrumentals" / f"track{index}.wav", channels=1)
    rows = ["path,kind,licence,licence_family"]
    rows += [f"train/instrumentals/track{i}.wav,instrument_track,CC0,free" for i in range(2)]
    rows += ["train/voices/a.flac,voice_melodised,CC BY-NC,nc", "train/voices/b.flac,voice,CC BY-NC,nc"]
    rows += ["train/songs/one_train/vocals.wav,vocals,CC0,free", "train/songs/two_train/vocals.wav,vocals,CC0,free"]
    rows += ["train/songs/one_train/accompaniment.wav,accompaniment,CC0,free"]
    rows += ["train/songs/two_train/accompaniment.wav,accompaniment,CC BY-NC,nc"]
    (root / "manifest.csv").write_text("\n".join(rows) + "\n")
    return root


def test_a_folder(folder, tmp_path):
    pool = load(folder, "train", tmp_path)
    assert names(pool) == ["one_train", "two_train"]
    assert [stem.kind for stem in pool.voices] == ["voice_melodised", "voice"]
    assert [stem.kind for stem in pool.instrumentals] == ["instrumental"]
    assert [stem.path for stem in pool.instrument_tracks] == [f"train/instrumentals/track{i}.wav" for i in range(2)]
    song = pool.songs[0]
    assert (song.vocals.path, song.vocals.song, song.dataset) == (
        "train/songs/one_train/vocals.wav",
        "one_train",
        "folder",
    )
    equal(song.vocals, folder / song.vocals.path)
    equal(song.accompaniment, folder / song.accompaniment.path)
    assert len(pool.voices[1].audio) == round(SECONDS * RATE)  # resampled
    assert pool.voices[1].song == ""
    assert names(load(folder, "valid", tmp_path)) == ["one_valid", "two_valid"]
    np.testing.assert_array_equal(pool.voices[0].read(len(pool.voices[0].audio) - 1, 3)[1:], 0)


def test_free_licences_only(folder, tmp_path):
    pool = load(folder, "train", tmp_path, licences="free")
    assert names(pool) == ["one_train"]  # of the other, one stem is not
    assert len(pool.instrument_tracks) == 2
    assert not pool.voices
    with pytest.raises(ValueError, match="licences=free"):
        load(folder, "valid", tmp_path, licences="free")


def test_a_manifest_of_a_spreadsheet_is_read(folder, tmp_path):
    data = tmp_path / "data"
    shutil.copytree(folder, data)
    text = (data / "manifest.csv").read_text()
    (data / "manifest.csv").write_text(text, encoding="utf-8-sig")
    assert names(load(data, "train", tmp_path, licences="free")) == ["one_train"]
    (data / "manifest.csv").write_text(text.replace("path,", "file,"))
    with pytest.raises(ValueError, match=r"manifest\.csv: expected columns, .* with path among them\. Received: file"):
        load(data, "train", tmp_path)


def test_excluded_songs(folder, tmp_path):
    pool = load(folder, "train", tmp_path, exclude=["01 - One Train"])
    assert names(pool) == ["two_train"]


def test_links_to_folders_are_followed(folder, tmp_path):
    """A link to a folder of songs, one to a song, and one back to where it is."""
    data = tmp_path / "data"
    shutil.copytree(folder / "train/instrumentals", data / "train/instrumentals")
    (data / "train/songs/more").mkdir(parents=True)
    (data / "train/songs/valid").symlink_to(folder / "valid/songs")
    (data / "train/songs/more/one").symlink_to(folder / "train/songs/one_train")
    (data / "train/songs/more/loop").symlink_to(data / "train/songs")
    (data / "train/voices").symlink_to(folder / "train/voices")
    pool = load(data, "train", tmp_path)
    assert [song.vocals.path.removeprefix("train/songs/") for song in pool.songs] == [
        *("more/one/vocals.wav", "valid/one_valid/vocals.wav", "valid/two_valid/vocals.wav"),
    ]
    assert [stem.path for stem in pool.voices] == ["train/voices/a.flac", "train/voices/b.flac"]
    assert len(pool.instrumentals) == 3


def test_folders_named_like_files(folder, tmp_path, capsys):
    data = tmp_path / "data"
    shutil.copytree(folder / "train/songs/one_train", data / "train/songs/Song.mp3")
    shutil.copytree(folder / "train/voices", data / "train/voices/old.wav")
    (data / "train/songs/Song.mp3/takes.wav").mkdir()
    pool = load(data, "train", tmp_path, strict=True)
    assert names(pool) == ["Song.mp3"]
    assert [stem.path for stem in pool.voices] == ["train/voices/old.wav/a.flac", "train/voices/old.wav/b.flac"]


def test_hashes_are_those_of_the_files(folder, tmp_path):
    stem = load(folder, "train", tmp_path).songs[0].vocals
    sha256 = subprocess.run(["sha256sum", folder / stem.path], capture_output=True, text=True, check=True).stdout
    assert stem.sha256 == sha256.split()[0]


# --- the cache


def test_a_warm_cache_opens_no_audio(folder, tmp_path, monkeypatch, capsys):
    first = load(folder, "train", tmp_path)
    files = {path: path.stat().st_mtime_ns for path in (tmp_path / "cache").iterdir()}
    assert len(files) == 2 * len(list(first.stems()))

    def refuse(*_):
        raise AssertionError("decoded twice")

    monkeypatch.setattr("training.data.datasets.cache.blocks", refuse)
    monkeypatch.setattr("training.data.datasets.cache.sha256_of", refuse)
    again = load_split(folder, "train", tmp_path / "cache", RATE, progress=True)
    assert "decode" not in capsys.readouterr().err
    assert [stem.sha256 for stem in again.stems()] == [stem.sha256 for stem in first.stems()]
    assert {path: path.stat().st_mtime_ns for path in (tmp_path / "cache").iterdir()} == files
    with pytest.raises(AssertionError, match="decoded twice"):
        load_split(folder, "train", tmp_path / "cache", 22050, progress=False)


def test_a_changed_file_is_decoded_anew(tmp_path):
    data = tmp_path / "data"
    path = write(data / "train/voices/a.wav")
    before = whole(load(data, "train", tmp_path).voices[0])
    stat = path.stat()
    write(path, level=0.3)
    os.utime(path, ns=(stat.st_atime_ns, stat.st_mtime_ns + 1))
    after = load(data, "train", tmp_path).voices[0]
    equal(after, path)
    assert np.abs(whole(after) - before).max() > 0.1


def test_a_cut_off_entry_is_decoded_anew(tmp_path):
    path = write(tmp_path / "data/train/voices/a.wav")
    load(tmp_path / "data", "train", tmp_path)
    entry = next((tmp_path / "cache").glob("*.npy"))
    whole_entry = entry.read_bytes()
    for kept in (1000, 0):
        entry.write_bytes(whole_entry[:kept])
        equal(load(tmp_path / "data", "train", tmp_path).voices[0], path)


def test_a_sum_above_full_scale_keeps_its_shape(tmp_path):
    paths = [write(tmp_path / f"{name}.wav", level=0.9) for name in "abc"]
    entry = DecodeCache(tmp_path / "cache", RATE).decode("dsd100", [Source(path) for path in paths])
    stem = Stem("", "", entry.audio, scale=entry.scale)
    assert np.abs(signal(*paths)).max() > 2
    np.testing.assert_allclose(whole(stem), signal(*paths), atol=2 * entry.scale / 32768)
    again = DecodeCache(tmp_path / "cache", RATE).find("dsd100", [Source(path) for path in paths])
    assert again is not None
    assert again.scale == entry.scale > 2
    # Other sums and single files of the same files are other entries.
    assert DecodeCache(tmp_path / "cache", RATE).find("dsd100", [Source(path) for path in paths[:2]]) is None
    assert DecodeCache(tmp_path / "cache", RATE).find("dsd100", [Source(paths[0])]) is None


def test_mono_and_stereo_rates_and_gains_add_up(tmp_path):
    mono = write(tmp_path / "mono.wav", channels=1, seconds=4)
    stereo = write(tmp_path / "stereo.wav", channels=2, seconds=4)
    entry = DecodeCache(tmp_path / "cache", RATE).decode("x", [Source(mono), Source(stereo, gain=-0.5)])
    np.testing.assert_allclose(whole(Stem("", "", entry.audio)), signal(mono) - 0.5 * signal(stereo), atol=2 / 32768)
    slow = write(tmp_path / "slow.wav", rate=22050, seconds=4)
    entry = DecodeCache(tmp_path / "cache", RATE).decode("x", [Source(slow), Source(stereo)])
    assert entry.audio.shape == (4 * RATE, 2)


def _decode(folder: Path, path: Path) -> str:
    return DecodeCache(folder, RATE).decode("x", [Source(path)]).sha256


def test_two_processes_decode_one_file(tmp_path):
    path = write(tmp_path / "a.wav", seconds=2)
    with ProcessPoolExecutor(2) as pool:
        hashes = set(pool.map(_decode, [tmp_path / "cache"] * 20, [path] * 20))
    assert len(hashes) == 1
    assert sorted(file.suffix for file in (tmp_path / "cache").iterdir()) == [".json", ".npy"]
    entry = DecodeCache(tmp_path / "cache", RATE).find("x", [Source(path)])
    assert entry is not None
    equal(Stem("", "", entry.audio), path)


def test_files_being_decoded_are_not_swept(tmp_path, monkeypatch):
    """Another machine that uses the same cache cannot see that this process runs, so the files are locked."""
    monkeypatch.setattr(parts, "_is_running", lambda pid: False)
    swept = []

    def quantise(raw, out, *rest):
        swept.extend(parts.sweep_parts(raw.parent))
        original(raw, out, *rest)

    original = cache._quantise
    monkeypatch.setattr(cache, "_quantise", quantise)
    _decode(tmp_path / "cache", write(tmp_path / "a.wav"))
    assert swept == []


# --- what cannot be used


@pytest.mark.parametrize("damage", ["text", "empty", "header", "missing", "nan"])
def test_an_unusable_file_is_named_and_its_song_skipped(damage, tmp_path, capsys):
    data = dsd100(tmp_path / "data", test=3)
    bad = data / "Sources" / "Test" / "002 - Artist - Song 2" / "bass.wav"
    if damage == "text":
        bad.write_text("not audio")
    elif damage == "empty":
        bad.write_bytes(b"")
    elif damage == "header":
        bad.write_bytes(bad.read_bytes()[:44])
    elif damage == "missing":
        bad.unlink()
    else:
        soundfile.write(bad, np.full((round(SECONDS * RATE), 2), np.nan), RATE, subtype="FLOAT")
    pool = load(data, "test", tmp_path, dataset="dsd100")
    assert names(pool) == ["001 - Artist - Song 1", "003 - Artist - Song 3"]
    error = capsys.readouterr().err
    assert str(bad) in error
    assert error.count("\n") == 1
    with pytest.raises(ValueError, match=r"^[^\n]*bass\.wav[^\n]*$"):
        load(data, "test", tmp_path, dataset="dsd100", strict=True)


def test_a_broken_flac_is_named(tmp_path, capsys):
    good = write(tmp_path / "data/train/voices/a.flac", seconds=3)
    bad = write(tmp_path / "data/train/voices/b.flac", seconds=3)
    bad.write_bytes(bad.read_bytes()[: bad.stat().st_size // 2])
    assert [stem.path for stem in load(tmp_path / "data", "train", tmp_path).voices] == [f"train/voices/{good.name}"]
    assert str(bad) in capsys.readouterr().err


def test_lengths(tmp_path, capsys):
    data = tmp_path / "data"
    for song, seconds in (("short", 1.0), ("padded", 1.05), ("long", 1.2)):
        write(data / "train/songs" / song / "vocals.wav", seconds=1.0)
        write(data / "train/songs" / song / "accompaniment.wav", seconds=seconds)
    pool = load(data, "train", tmp_path)
    assert {song.name: len(song.accompaniment.audio) for song in pool.songs} == {"padded": RATE, "short": RATE}
    error = capsys.readouterr().err
    assert "skipped long" in error
    assert f"[{RATE}, {round(1.2 * RATE)}] samples" in error
    with pytest.raises(ValueError, match=r"long.*one length"):
        load(data, "train", tmp_path, strict=True)


@pytest.mark.parametrize(("seconds", "samples"), [(1.05, RATE), (0.95, round(0.95 * RATE)), (1.2, None), (0.8, None)])
def test_lengths_within_a_sum(seconds, samples, tmp_path):
    sources = [Source(write(tmp_path / "a.wav", seconds=1.0)), Source(write(tmp_path / "b.wav", seconds=seconds))]
    cache = DecodeCache(tmp_path / "cache", RATE)
    if samples:
        assert len(cache.decode("x", sources).audio) == samples
    else:
        with pytest.raises(ValueError, match=r"(a|b)\.wav: expected stems of one length"):
            cache.decode("x", sources)
        assert not list((tmp_path / "cache").iterdir())


def test_a_song_without_accompaniment_is_named(folder, tmp_path, capsys):
    data = tmp_path / "data"
    shutil.copytree(folder / "train", data / "train")
    (data / "train/songs/one_train/accompaniment.wav").unlink()
    assert names(load(data, "train", tmp_path)) == ["two_train"]
    message = "one_train: expected vocals and accompaniment, or parts of it. Received: vocals.wav"
    assert message in capsys.readouterr().err


@pytest.mark.parametrize(
    ("files", "accompaniment"),
    [
        (("vocals.wav", "accompaniment.wav", "mixture.wav"), ["accompaniment.wav"]),  # `live --record`
        (("Vocals.wav", "ACCOMPANIMENT.WAV", "Mixture.wav"), ["ACCOMPANIMENT.WAV"]),
        (("mixture.wav", "vocals.wav", "drums.wav", "bass.wav", "other.wav"), ["bass.wav", "drums.wav", "other.wav"]),
        (("Vocals.flac", "Drums.flac", "Bass.flac", "Other.flac"), ["Bass.flac", "Drums.flac", "Other.flac"]),
        (("vocals.wav", "instrumental.wav", "mix.wav"), ["instrumental.wav"]),
        (("vocals.wav", "no_vocals.wav", "drums.wav", "._vocals.wav"), ["no_vocals.wav"]),
    ],
)
def test_stems_have_the_names_of_other_data_sets(files, accompaniment, tmp_path):
    root = tmp_path / "data/test/songs/one"
    for name in files:
        write(root / name)
    [song] = load(tmp_path / "data", "test", tmp_path, strict=True).songs
    equal(song.vocals, root / next(name for name in files if name.lower().startswith("vocals")))
    equal(song.accompaniment, *(root / name for name in accompaniment))


@pytest.mark.parametrize(
    ("files", "message"),
    [
        (
            ("vocals.wav", "Vocals.flac", "accompaniment.wav"),
            "named vocals. Received: Vocals.flac and vocals.wav",
        ),
        (("vocals.wav", "accompaniment.wav", "Choir.wav"), "expected stems named vocals, .*, mix. Received: Choir.wav"),
        (("mixture.wav", "vocals.wav"), "expected vocals and accompaniment, .* Received: mixture.wav, vocals.wav"),
        (("drums.wav", "bass.wav"), "expected vocals and accompaniment, .* Received: bass.wav, drums.wav"),
    ],
)
def test_songs_whose_stems_are_not_clear_are_named(files, message, tmp_path):
    for name in files:
        write(tmp_path / "data/test/songs/one" / name)
    with pytest.raises(ValueError, match=rf"test/songs/one: .*{message}"):
        load(tmp_path / "data", "test", tmp_path, strict=True)


def test_the_licence_of_a_song_is_that_of_the_stems_that_are_read(tmp_path):
    data = tmp_path / "data"
    rows = ["path,kind,licence,licence_family"]
    for name, family in (("vocals", "free"), ("drums", "free"), ("bass", "free"), ("mixture", "nc")):
        write(data / f"test/songs/one/{name}.wav")
        rows.append(f"test/songs/one/{name}.wav,{name},licence of {name},{family}")
    (data / "manifest.csv").write_text("\n".join(rows) + "\n")
    [song] = load(data, "test", tmp_path, licences="free").songs
    assert song.vocals.licence == "licence of vocals; licence of drums; licence of bass"


def test_nothing_usable_is_an_error(tmp_path):
    data = tmp_path / "data"
    write(data / "train/voices/a.wav").write_text("not audio")
    with pytest.raises(ValueError, match=r"none of the 1 train tracks .* can be used\. First: .*a\.wav"):
        load(data, "train", tmp_path)


@pytest.mark.parametrize("dataset", DATASETS)
def test_an_empty_folder_says_what_was_expected(dataset, tmp_path):
    (tmp_path / "data").mkdir()
    for split in ("train", "valid", "test"):
        with pytest.raises(ValueError, match=r"expected .* Received: "):
            load(tmp_path / "data", split, tmp_path, dataset=dataset)
    with pytest.raises(ValueError, match="expected the folder"):
        load(tmp_path / "none", "train", tmp_path, dataset=dataset)


def test_unknown_arguments(folder, tmp_path):
    with pytest.raises(ValueError, match=r"dataset: expected one of folder, .*Received: musdb"):
        load(folder, "train", tmp_path, dataset="musdb")
    with pytest.raises(ValueError, match=r"split: expected one of train, valid, test\. Received: dev"):
        load(folder, "dev", tmp_path)
    with pytest.raises(ValueError, match=r"licences: expected all or free\. Received: some"):
        load(folder, "train", tmp_path, licences="some")
    for dataset in set(DATASETS) - {"folder"}:
        with pytest.raises(ValueError, match=f"manifest.csv.*Received: {dataset}"):
            load(folder, "train", tmp_path, dataset=dataset, licences="free")


# --- DSD100


def dsd100(root: Path, dev: int = 0, test: int = 0) -> Path:
    for part, first, count in (("Test", 1, test), ("Dev", 51, dev)):
        for number in range(first, first + count):
            song = f"{number:03d} - Artist - Song {number}"
            write(root / "Mixtures" / part / song / "mixture.wav")
            for source in ("bass", "drums", "other", "vocals"):
                write(root / "Sources" / part / song / f"{source}.wav")
    return root


def test_dsd100(tmp_path):
    data = dsd100(tmp_path / "data", dev=10, test=2)
    train, valid, test = (load(data, split, tmp_path, dataset="dsd100") for split in ("train", "valid", "test"))
    assert [len(pool.songs) for pool in (train, valid, test)] == [8, 2, 2]
    assert sorted(names(train) + names(valid)) == [f"{n:03d} - Artist - Song {n}" for n in range(51, 61)]
    assert names(test) == ["001 - Artist - Song 1", "002 - Artist - Song 2"]
    song = test.songs[1]
    folder = data / "Sources" / "Test" / song.name
    equal(song.vocals, folder / "vocals.wav")
    equal(song.accompaniment, *(folder / f"{source}.wav" for source in ("bass", "drums", "other")))
    assert song.accompaniment.path == f"Sources/Test/{song.name}/bass+drums+other.wav"
    assert song.vocals.licence
    assert song.dataset == song.vocals.dataset == "dsd100"
    assert names(load(data, "valid", tmp_path, dataset="dsd100")) == names(valid)


# --- MUSDB18


def test_musdb18hq(tmp_path):
    data = tmp_path / "data"
    for name in ("train/A - B", "train/Leaf - Summerghost", "test/C - D"):
        for source in ("mixture", "bass", "drums", "other", "vocals"):
            write(data / name / f"{source}.wav")
    pools = {split: load(data, split, tmp_path, dataset="musdb18hq") for split in ("train", "valid", "test")}
    assert {split: names(pool) for split, pool in pools.items()} == {
        "train": ["A - B"],
        "valid": ["Leaf - Summerghost"],
        "test": ["C - D"],
    }
    song = pools["test"].songs[0]
    equal(song.vocals, data / "test/C - D/vocals.wav")
    equal(song.accompaniment, *(data / "test/C - D" / f"{source}.wav" for source in ("bass", "drums", "other")))


@needs_ffmpeg
def test_musdb18_as_musdb_reads_it(tmp_path):
    import musdb

    data = tmp_path / "data"
    for name in ("train/A - B", "train/Leaf - Summerghost", "test/The Easton Ellises - Falcon 69"):
        (data / name).parent.mkdir(parents=True, exist_ok=True)
        shutil.copy(STEM_FILE, data / f"{name}.stem.mp4")
    for split in ("train", "valid", "test"):
        pool = load(data, split, tmp_path, dataset="musdb18")
        subset, part = ("test", None) if split == "test" else ("train", split)
        expected = musdb.DB(root=str(data), subsets=subset, split=part)
        assert names(pool) == [track.name for track in expected]
        assert len(pool.songs) == 1
    song, track = pool.songs[0], expected[0]
    assert song.vocals.path == "test/The Easton Ellises - Falcon 69.stem.mp4#4"
    assert song.vocals.sha256 != song.accompaniment.sha256
    for stem, target in ((song.vocals, "vocals"), (song.accompaniment, "accompaniment")):
        expected_audio = track.targets[target].audio
        assert np.abs(expected_audio).max() > 0.1
        np.testing.assert_allclose(whole(stem), expected_audio, atol=2 * stem.scale / 32768)
    assert np.abs(whole(song.vocals) - whole(song.accompaniment)).max() > 0.1


@needs_ffmpeg
@pytest.mark.parametrize("damage", ["text", "packets", "end", "streams"])
def test_a_broken_stem_file_is_named(damage, tmp_path, capsys):
    data = tmp_path / "data"
    (data / "test").mkdir(parents=True)
    good, bad = (shutil.copy(STEM_FILE, data / "test" / f"{name}.stem.mp4") for name in ("good", "bad"))
    content = bytearray(good.read_bytes())
    if damage == "text":
        content = bytearray(b"not a container")
    elif damage == "packets":
        start = len(content) * 2 // 5  # a few packets, which ffmpeg would leave out: 0.02 to 0.1 s
        content[start : start + 3000] = np.random.default_rng(0).bytes(3000)
    elif damage == "end":
        content = content[: len(content) * 2 // 3]
    bad.write_bytes(content)
    if damage == "streams":
        command = ["ffmpeg", "-v", "error", "-y", "-i", good, "-map", "0:0", "-map", "0:1", "-c", "copy", bad]
        subprocess.run(command, check=True)
    assert names(load(data, "test", tmp_path, dataset="musdb18")) == ["good"]
    assert str(bad) in capsys.readouterr().err


# --- MedleyDB


def medleydb(root: Path, audio: str, songs: dict[str, list[str]], beside: bool = False, bleed: str = "no") -> Path:
    """Songs with stems of the given instruments; the metadata in the song's folder, or in Metadata/ beside Audio/."""
    for name, instruments in songs.items():
        folder = root / audio / name
        write(folder / f"{name}_MIX.wav")
        stems = {}
        for number, instrument in enumerate(instruments, 1):
            path = write(folder / f"{name}_STEMS" / f"{name}_STEM_{number:02d}.wav")
            stems[f"S{number:02d}"] = {"component": "", "filename": path.name, "instrument": instrument, "raw": {}}
        metadata = {"has_bleed": bleed, "instrumental": "no", "stem_dir": f"{name}_STEMS", "stems": stems}
        target = root / "Metadata" if beside else folder
        target.mkdir(exist_ok=True)
        (target / f"{name}_METADATA.yaml").write_text(json.dumps(metadata))  # JSON is YAML
    return root


def test_medleydb(tmp_path):
    data = medleydb(
        tmp_path / "data",
        "Audio",
        {
            "Artist_Choir": ["piano", "choir", "male rapper", "drum set"],
            "Artist_Speech": ["female speaker", "beatboxing", "synthesizer"],
            "Artist_Piano": ["piano", "violin"],
            "Artist_Strings": ["cello"],
            "Artist_Acappella": ["vocalists", "female singer"],
        },
    )
    medleydb(data, "V2", {"Other_Song": ["male singer", "acoustic guitar"]}, beside=True, bleed="yes")
    train, valid = (load(data, split, tmp_path, dataset="medleydb") for split in ("train", "valid"))
    assert sorted(names(train) + names(valid)) == ["Artist_Choir", "Artist_Speech", "Other_Song"]
    assert len(valid.songs) == len(valid.instrumentals) == len(train.instrumentals) == len(train.voices) == 1
    assert names(valid) != ["Other_Song"]  # its stems bleed

    def stem(name: str, number: int) -> Path:
        return data / "Audio" / name / f"{name}_STEMS" / f"{name}_STEM_{number:02d}.wav"

    songs = {song.name: song for song in train.songs + valid.songs}
    equal(songs["Artist_Choir"].vocals, stem("Artist_Choir", 2), stem("Artist_Choir", 3))
    equal(songs["Artist_Choir"].accompaniment, stem("Artist_Choir", 1), stem("Artist_Choir", 4))
    equal(songs["Artist_Speech"].vocals, stem("Artist_Speech", 1))
    equal(songs["Artist_Speech"].accompaniment, stem("Artist_Speech", 2), stem("Artist_Speech", 3))
    equal(train.voices[0], stem("Artist_Acappella", 1), stem("Artist_Acappella", 2))
    assert songs["Artist_Choir"].vocals.licence == "CC BY-NC-SA 4.0"
    with pytest.raises(ValueError, match="no test part"):
        load(data, "test", tmp_path, dataset="medleydb")


def test_medleydb_behind_links(tmp_path):
    elsewhere = medleydb(tmp_path / "elsewhere", "V1", {name: ["male singer", "piano"] for name in ("A_A", "B_B")})
    medleydb(elsewhere, "more", {"C_C": ["male singer", "piano"]})
    (tmp_path / "data").mkdir()
    (tmp_path / "data/V1").symlink_to(elsewhere / "V1")
    (tmp_path / "data/C_C").symlink_to(elsewhere / "more/C_C")
    pools = [load(tmp_path / "data", split, tmp_path, dataset="medleydb") for split in ("train", "valid")]
    assert sorted(song.vocals.path for pool in pools for song in pool.songs) == [
        *(f"{at}/{at[-3:]}_STEMS/{at[-3:]}_STEM_01.wav" for at in ("C_C", "V1/A_A", "V1/B_B")),
    ]


def test_medleydb_without_clear_metadata(tmp_path, capsys):
    songs = {
        "A_Good": ["male singer", "piano"],
        "B_Good": ["male singer", "piano"],
        "C_Backing": ["Main System", "male singer"],
        "D_None": ["piano"],
        "E_Broken": ["piano"],
    }
    data = medleydb(tmp_path / "data", "Audio", songs)
    (data / "Audio/D_None/D_None_METADATA.yaml").unlink()
    (data / "Audio/E_Broken/E_Broken_METADATA.yaml").write_text("stems: [")
    assert len(load(data, "train", tmp_path, dataset="medleydb").songs) == 1
    lines = capsys.readouterr().err.splitlines()
    assert [line.split(":")[0] for line in lines] == ["skipped C_Backing", "skipped D_None", "skipped E_Broken"]
    assert "Main System" in lines[0]
    with pytest.raises(ValueError, match="C_Backing"):
        load(data, "train", tmp_path, dataset="medleydb", strict=True)


# --- ccMixter and the paper's set


def ccmixter(root: Path, count: int) -> Path:
    for index in range(count):
        for name in ("mix", "source-01", "source-02"):
            write(root / f"artist_-_Song_{index}" / f"{name}.wav")
    return root


def test_ccmixter(tmp_path):
    data = ccmixter(tmp_path / "data", 5)
    shutil.copytree(data / "artist_-_Song_0", data / "._artist_-_Song_0")  # macOS leaves such things behind
    train, valid = (load(data, split, tmp_path, dataset="ccmixter") for split in ("train", "valid"))
    assert [len(train.songs), len(valid.songs)] == [4, 1]
    assert len({*names(train), *names(valid)}) == 5
    song = valid.songs[0]
    equal(song.vocals, data / song.name / "source-02.wav")
    equal(song.accompaniment, data / song.name / "source-01.wav")
    with pytest.raises(ValueError, match="no test part"):
        load(data, "test", tmp_path, dataset="ccmixter")


def test_the_paper(tmp_path, capsys):
    data = tmp_path / "data"
    dsd100(data / "dsd100", dev=6, test=2)
    medleydb(data / "MedleyDB", "Audio", {f"A_{i}": ["male singer", "piano"] for i in range(4)} | {"A_x": ["piano"]})
    ccmixter(data / "ccMixter", 3)
    train = load(data, "train", tmp_path, dataset="paper")
    assert "13 of 130 songs are there (6 of 50 DSD100, 4 of 50 MedleyDB, 3 of 30 ccMixter)" in capsys.readouterr().err
    valid = load(data, "valid", tmp_path, dataset="paper")
    assert [len(train.songs), len(valid.songs)] == [11, 2]
    assert not {*names(train)} & {*names(valid)}
    assert not train.instrumentals
    assert {song.dataset for song in train.songs + valid.songs} == {"dsd100", "medleydb", "ccmixter"}
    assert len(load(data, "test", tmp_path, dataset="paper").songs) == 2
    shutil.rmtree(data / "ccMixter")
    with pytest.raises(ValueError, match=r"Missing: ccMixter\. Received: MedleyDB, dsd100"):
        load(data, "train", tmp_path, dataset="paper")


def test_the_paper_in_full(tmp_path, capsys):
    """Listed only: 110 + 20 of the songs that are there."""
    data = tmp_path / "data"
    for number in range(51, 101):
        (data / "DSD100/Sources/Dev" / f"{number:03d} - A - {number}").mkdir(parents=True)
    for index in range(50):
        folder = data / "ccMixter" / f"a_-_{index}"
        folder.mkdir(parents=True)
        (folder / "source-01.wav").touch()
    for index in range(60):
        folder = data / "MedleyDB/Audio" / f"A_{index}"
        (folder / f"A_{index}_STEMS").mkdir(parents=True)
        stems = {f"S0{n}": {"filename": f"{n}.wav", "instrument": i} for n, i in enumerate(["piano", "vocalists"])}
        (folder / f"A_{index}_METADATA.yaml").write_text(json.dumps({"has_bleed": "no", "stems": stems}))
    train, valid = (DATASETS["paper"](data, split) for split in ("train", "valid"))
    assert [len(train), len(valid)] == [110, 20]
    counts = [sum(track.dataset == name for track in train + valid) for name in ("dsd100", "medleydb", "ccmixter")]
    assert counts == [50, 50, 30]
    assert len({track.name for track in train + valid}) == 130
    assert capsys.readouterr().err == ""
    assert DATASETS["paper"](data, "valid") == valid


@pytest.mark.command
def test_reading_needs_no_keras(folder, tmp_path):
    blocked = ("tensorflow", "keras", "jax", "torch", "musdb", "stempeg", "yaml", "museval")
    code = (
        f"import sys; sys.modules.update(dict.fromkeys({blocked!r}))\n"
        "from pathlib import Path\n"
        "from training.data.datasets import load_split\n"
        f"load_split(Path({str(folder)!r}), 'train', Path({str(tmp_path)!r}), {RATE}, progress=False)"
    )
    subprocess.run([sys.executable, "-c", code], check=True, cwd=ROOT)
