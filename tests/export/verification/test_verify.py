"""What `verify` lets pass and what it must not: files that were sabotaged after, or past, convert's own check."""

from __future__ import annotations

import hashlib
import json
import multiprocessing
import shutil

import numpy as np
import pytest
import soundfile

from export import __main__ as cli
from export.accuracy.agreement import Agreement, probe_signal
from export.accuracy.gates import MAX_SDR_CHANGE_DB, MAX_STATE_ERROR, MIN_SNR_DB, reasons
from export.conversion import convert as convert_module
from export.conversion.convert import convert, load
from export.conversion.float_network import load_saved
from export.data.songs import read_test_songs
from export.publishing.publish import publish
from export.verification import verify as verify_module
from export.verification.measure import measure_stream, read_stream, stem_windows, windows
from export.verification.reference import write_songs, write_stream
from export.verification.verify import failures, verify
from keras_sep.metadata import read_metadata
from keras_sep.models import load_network
from keras_sep.presets import DEFAULT_PRESET, ModelFile
from keras_sep.runtime import StepModel
from keras_sep.tflite.flatbuffer import pack, unpack
from keras_sep.tflite.metadata import add_metadata
from keras_sep.tflite.quantise import PRECISIONS
from tests.support.conversion import PROVENANCE, as_if_trained, copy_files, entry, read_list, write_list
from tests.support.networks import SMALL_SPEC, unit_network
from tests.support.small_disk import files_up_to

RATE = SMALL_SPEC.sample_rate
QUICK = {"seconds": 1, "steps": 200, "jobs": 1}
FLAGS = ["--seconds", "1", "--steps", "200"]


def song(seed: int) -> np.ndarray:
    """Stems (2, samples, 2) of two seconds: a voice that pauses in the first, and the probe."""
    rng = np.random.default_rng(seed)
    t = np.arange(2 * RATE) / RATE
    phase = 2 * np.pi * np.cumsum(rng.uniform(150, 400) * (1 + 0.1 * np.sin(2 * np.pi * 5 * t))) / RATE
    voice = sum(np.sin(k * phase) / k for k in range(1, 20)) * np.where(t < 1, 1e-4, 0.05)
    probe = probe_signal(SMALL_SPEC, 2 * RATE // SMALL_SPEC.frame_step + 1)[: 2 * RATE]
    return np.stack([voice[:, None] * rng.uniform(0.5, 1, 2), np.roll(probe, 1000 * seed, axis=0) / 2])


@pytest.fixture(scope="module")
def data(tmp_path_factory):
    path = tmp_path_factory.mktemp("data")
    for name, seed in (("a", 1), ("b", 2)):
        folder = path / "test" / "songs" / name
        folder.mkdir(parents=True)
        for source, stem in zip(SMALL_SPEC.sources, song(seed), strict=True):
            soundfile.write(folder / f"{source}.flac", stem, RATE)
    return path


def measure_here(tasks, jobs, advance):
    """`measure_all` without processes of its own, which would take longer to start than to measure."""
    for key, (function, *arguments) in tasks.items():
        try:
            yield key, function(*arguments, advance)
        except (ValueError, RuntimeError) as error:
            yield key, ValueError(str(error))


@pytest.fixture(scope="module")
def reference(converted, data, tmp_path_factory):
    """A folder with the network's side of the comparison, from a verification that was interrupted there.

    Its hidden folder is where `verify` looks for it.
    """
    out = copy_files(converted, tmp_path_factory.mktemp("reference") / "out")

    def interrupt(*_):
        raise KeyboardInterrupt

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(verify_module, "measure_all", interrupt)
        with pytest.raises(KeyboardInterrupt):
            verify(out, data, **QUICK)
    (hidden,) = out.glob(".verify-small")
    root = tmp_path_factory.mktemp("hidden")
    hidden.rename(root / hidden.name)
    return root


@pytest.fixture(scope="module")
def verified(converted, data, reference, tmp_path_factory):
    """Two precisions and the .onnx file, and the new list."""
    out = copy_files(converted, tmp_path_factory.mktemp("verified") / "out", of_two_precisions)
    shutil.copytree(reference, out, dirs_exist_ok=True)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(verify_module, "measure_all", measure_here)
        return out, verify(out, data, **QUICK)


def of_two_precisions(file):
    return file["precision"] in ("float32", "dynamic_int8")


def test_a_good_set_passes_with_all_its_figures(verified):
    out, summary = verified
    assert failures(summary) == []
    assert len(summary["files"]) == 5
    assert summary == json.loads((out / "small.json").read_text())
    assert not list(out.glob(".*"))
    for file in summary["files"]:
        found = file["verification"]
        assert list(found["steps"]) == ["1", "100", "200"]
        for figures in found["steps"].values():
            assert (figures["mask_max"] is None) == (file["graph"] == "waveform")
        assert [song["name"] for song in found["data"]["songs"]] == ["a", "b"]
        assert found["keras_sdr_db"] == summary["files"][0]["verification"]["keras_sdr_db"]
    exact = entry(summary, "waveform", "float32")["verification"]
    assert exact["sdr_db"] == pytest.approx(exact["keras_sdr_db"], abs=1e-3)
    assert exact["ops"]["RFFT2D"] == 1
    assert exact["delegate"]["outside"]["RFFT2D"] == 1  # XNNPACK has none
    assert sum(exact["delegate"]["outside"].values()) < sum(exact["ops"].values()) / 3
    assert entry(summary, "mask", "float32")["verification"]["delegate"] == {"partitions": 1, "outside": {}}
    assert entry(summary, "mask", "float32", ".onnx")["verification"]["delegate"] is None


def test_only_the_metadata_of_a_file_changes(converted, verified):
    out, summary = verified
    for file in summary["files"]:
        content = (out / file["file"]).read_bytes()
        assert file["sha256"] == hashlib.sha256(content).hexdigest()
        assert file["bytes"] == len(content)
        assert content.count(b'"made_by"') == 1
        if file["file"].endswith(".onnx"):
            continue
        before, after = StepModel(converted / file["file"]), StepModel(out / file["file"])
        assert after.metadata["quality"]["sdr_db"] == file["verification"]["sdr_db"]
        kept = {key: value for key, value in after.metadata.items() if key not in ("quality", "sha256")}
        assert kept == {key: value for key, value in before.metadata.items() if key != "sha256"}
        x = np.random.default_rng(0).uniform(0, 1, before._frame_shape).astype(np.float32)
        for _ in range(3):
            np.testing.assert_array_equal(before(x), after(x))


def test_files_of_the_same_network_stay_listed(small_model, converted, tmp_path, monkeypatch):
    """What is converted is not what this is about: the bytes are there already."""
    content = {"float32": b"", "float16": b""}
    for precision in content:
        content[precision] = (converted / f"small-mask-{precision}.tflite").read_bytes()
    monkeypatch.setattr(convert_module, "quantise", lambda exact, precision: content[precision])
    monkeypatch.setattr(convert_module, "check_file", lambda *_: Agreement(0.0, 99.0))
    monkeypatch.setattr(convert_module, "to_float32", lambda module: b"")

    def listed():
        return [file["file"] for file in json.loads((tmp_path / "small.json").read_text())["files"]]

    def made(network, precision):
        convert(network, tmp_path, "small", graphs=("mask",), precisions=(precision,))
        return (tmp_path / "small.keras").read_bytes()

    first = made(small_model, "float32")
    assert made(small_model, "float16") == made(small_model, "float32") == first
    assert listed() == ["small-mask-float16.tflite", "small-mask-float32.tflite"]
    assert made(as_if_trained(seed=6), "float16") != first
    assert listed() == ["small-mask-float16.tflite"]


def test_a_step_that_is_undone_anywhere_is_not_finite(verified, data, tmp_path, monkeypatch):
    """The step itself hides it, and counts it."""
    out, summary = verified
    network, _ = load_saved(out / "small.keras")
    songs, _ = read_test_songs(data, network.spec, QUICK["seconds"])
    write_songs(songs, network.spec, tmp_path)
    write_stream(network, tmp_path, 200, lambda _: None)
    path, is_finite = out / entry(summary, "mask", "float32")["file"], StepModel._is_finite
    assert measure_stream(path, tmp_path, 200, lambda _: None)["state_error"] < MAX_STATE_ERROR["float32"]
    calls = iter(range(1000))
    monkeypatch.setattr(StepModel, "_is_finite", lambda *args: next(calls) != 50 and is_finite(*args))
    assert measure_stream(path, tmp_path, 200, lambda _: None)["state_error"] is None


def test_the_network_beside_the_files_is_theirs(small_model, verified, tmp_path):
    out, _ = verified
    x = np.abs(np.random.default_rng(0).standard_normal((1, 5, SMALL_SPEC.num_bins, 2))).astype(np.float32)
    np.testing.assert_array_equal(load_network(out / "small.keras")(x)["vocals_mask"], small_model(x)["vocals_mask"])
    network, provenance = load(out / "small.keras")
    assert (network.spec, provenance) == (SMALL_SPEC, PROVENANCE)
    for a, b in zip(network.get_weights(), small_model.get_weights(), strict=True):
        np.testing.assert_array_equal(a, b)
    damaged = tmp_path / "small.keras"
    shutil.copy(out / "small.json", tmp_path)
    damaged.write_bytes((out / "small.keras").read_bytes()[:-1] + b"x")
    with pytest.raises(ValueError, match=r"small.keras: expected SHA-256"):
        load(damaged)
    with pytest.raises(ValueError, match=r"expected JSON written by convert\. Received: .*No such file"):
        load(tmp_path / "none.keras")


@pytest.mark.slow("converts the network again")
def test_the_network_beside_the_files_makes_them_again(verified, tmp_path):
    out, _ = verified
    x = np.abs(np.random.default_rng(0).standard_normal((SMALL_SPEC.num_bins, 2))).astype(np.float32)
    network, _ = load(out / "small.keras")
    (file,) = convert(network, tmp_path, "again", graphs=("mask",), precisions=("float32",))
    before, after = StepModel(out / "small-mask-float32.tflite"), StepModel(tmp_path / file["file"])
    np.testing.assert_array_equal(before(x), after(x))


def test_publish_takes_what_passed(verified, tmp_path):
    out, summary = verified
    licence, assets = tmp_path / "LICENSE", tmp_path / "assets"
    licence.write_text("none")
    assets.mkdir()
    publish(out, "small", ["mask-dynamic_int8", "keras"], "small one", "CC0-1.0", licence, assets)
    published = json.loads((assets / "presets.json").read_text())["small"]
    file = ModelFile(**published["files"][0])
    assert file.quality["sdr_db"] == entry(summary, "mask", "dynamic_int8")["verification"]["sdr_db"]
    assert set(file.quality["vocals_snr_db"]) == {"1", "100", "200"}
    assert hashlib.sha256((assets / file.file).read_bytes()).hexdigest() == file.sha256
    network, provenance = load(assets / published["network"]["file"])  # all that one needs is there
    assert (network.spec, provenance) == (SMALL_SPEC, PROVENANCE)
    assert (assets / "small.keras").stat().st_size == published["network"]["bytes"]
    assert published["network"]["bytes"] < (out / "small.keras").stat().st_size
    for a, b in zip(network.get_weights(), load_network(out / "small.keras").get_weights(), strict=True):
        np.testing.assert_array_equal(a, b)
    # Pages and applications begin with the first one.
    path = assets / "presets.json"
    path.write_text(json.dumps(dict.fromkeys(("small", "a", DEFAULT_PRESET), published)))
    publish(out, "small", ["mask-dynamic_int8"], "small one", "CC0-1.0", licence, assets)
    assert list(json.loads(path.read_text())) == [DEFAULT_PRESET, "a", "small"]
    # Files of former weights do not stay, but for those that another preset has, too.
    assert (assets / "small.keras").exists()
    path.write_text(json.dumps({"small": published}))
    publish(out, "small", ["mask-float32"], "small one", "CC0-1.0", licence, assets)
    assert {path.name for path in assets.iterdir()} == {"presets.json", "small.LICENSE", "small-mask-float32.tflite"}


def test_a_full_disk_leaves_the_former_preset(verified, tmp_path):
    out, summary = verified
    licence, assets = tmp_path / "LICENSE", tmp_path / "assets"
    licence.write_text("none")
    assets.mkdir()
    former = {"presets.json": "{}", "small.LICENSE": "former", "small-mask-dynamic_int8.tflite": "former"}
    for name, text in former.items():
        (assets / name).write_text(text)
    arguments = (out, "small", ["mask-dynamic_int8", "mask-float32"], "small one", "CC0-1.0", licence, assets)
    sizes = [entry(summary, "mask", precision)["bytes"] for precision in ("dynamic_int8", "float32")]
    assert sizes[0] < sizes[1]
    with files_up_to(sizes[1] - 1), pytest.raises(OSError, match="too large"):
        publish(*arguments)
    assert {path.name: path.read_text() for path in assets.iterdir()} == former
    publish(*arguments)
    assert list(json.loads((assets / "presets.json").read_text())) == ["small"]


@pytest.fixture(scope="module")
def sabotaged(converted, sabotaged_files, data, reference, tmp_path_factory):
    """Files that say they are the small network's and are not as convert made them; and what verify says of them."""
    out = copy_files(converted, tmp_path_factory.mktemp("sabotaged") / "out")
    shutil.copytree(reference, out, dirs_exist_ok=True)
    summary = read_list(out)
    good = entry(summary, "mask", "float32")  # one that is as it should be
    content = (out / good["file"]).read_bytes()
    forged = [good, *read_list(sabotaged_files)["files"]]
    for file in forged[1:]:
        shutil.copy(sabotaged_files / file["file"], out)

    def add(name, file, content):
        about = {**file, "file": f"{name}.tflite", "sha256": hashlib.sha256(content).hexdigest()}
        (out / about["file"]).write_bytes(content)
        forged.append(about)

    middle = len(content) // 2
    add("flipped", good, content)
    (out / "flipped.tflite").write_bytes(content[:middle] + bytes([content[middle] ^ 1]) + content[middle + 1 :])
    add("mislabelled", {**good, "precision": "dynamic_int8"}, content)
    flat = unpack(content)
    flat.operatorCodes[0].builtinCode = flat.operatorCodes[0].deprecatedBuiltinCode = 32
    flat.operatorCodes[0].customCode = b"FlexErf"
    add("custom-op", good, add_metadata(pack(flat), read_metadata(content)))
    add("missing", good, content)
    (out / "missing.tflite").unlink()
    write_list(out, summary, forged)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(verify_module, "measure_all", measure_here)
        return out, verify(out, data, **QUICK)


@pytest.mark.parametrize(
    ("name", "reason"),
    [
        ("other-mask", "expected 20 dB SNR of the vocals or more at step 200"),
        ("not-finite", "expected finite numbers"),
        ("permuted", "expected states with an RMS error"),
        ("other-waveform", "expected 20 dB SNR of the vocals or more at step 200"),
        ("flipped", "expected SHA-256"),
        ("mislabelled", "expected precision dynamic_int8. Received: float32"),
        ("custom-op", "expected builtin ops only. Received: custom:FlexErf"),
        ("missing", "expected the file of convert. Received: No such file"),
    ],
)
def test_a_sabotaged_file_is_refused_and_not_published(sabotaged, name, reason, tmp_path):
    _, summary = sabotaged
    (line,) = [line for line in failures(summary) if line.startswith(f"{name}.tflite: ")]
    assert reason in line
    only = next(file for file in summary["files"] if file["file"] == f"{name}.tflite")
    write_list(tmp_path, summary, [only])
    kind = f"{only['graph']}-{only['precision']}"
    with pytest.raises(ValueError, match=f"{name}.tflite: expected a file that passed") as refusal:
        publish(tmp_path, "small", [kind], "", "", tmp_path / "none", tmp_path / "assets")
    assert reason in str(refusal.value)
    assert not (tmp_path / "assets").exists()


def test_only_the_state_tells_of_a_permuted_one(sabotaged):
    """The small network hardly uses its state: masks and stems are as good as those of the file that is right."""
    _, summary = sabotaged
    found = next(file for file in summary["files"] if file["file"] == "permuted.tflite")["verification"]
    assert len(found["reasons"]) == 1


def test_the_good_file_among_them_passes(sabotaged):
    _, summary = sabotaged
    assert [file["file"] for file in summary["files"] if file["verification"]["passed"]] == [
        "small-mask-float32.tflite"
    ]


def test_publish_wants_a_verified_and_unchanged_file(converted, verified, tmp_path):
    arguments = ("small", ["mask-dynamic_int8"], "", "", tmp_path / "none", tmp_path / "assets")
    with pytest.raises(
        ValueError, match=r"small-mask-dynamic_int8.tflite: expected a file that passed .* Received: not verified"
    ):
        publish(converted, *arguments)
    copy_files(verified[0], tmp_path / "copy")
    shutil.copy(converted / "small-mask-dynamic_int8.tflite", tmp_path / "copy")
    with pytest.raises(ValueError, match=r"small-mask-dynamic_int8.tflite: expected SHA-256 .* verify anew"):
        publish(tmp_path / "copy", *arguments)


@pytest.mark.slow("starts processes that measure")
def test_an_interrupted_verification_goes_on(converted, verified, data, tmp_path, monkeypatch, capsys):
    out, all_tasks = copy_files(converted, tmp_path / "out", of_two_precisions), []
    measure_all = verify_module.measure_all

    def interrupted(tasks, jobs, advance):
        all_tasks.append(len(tasks))
        for done, result in enumerate(measure_all(tasks, jobs, advance)):
            if done == 4:
                raise KeyboardInterrupt
            yield result

    arguments = ["verify", str(out), "--data", str(data), *FLAGS]
    monkeypatch.setattr(verify_module, "measure_all", interrupted)
    assert cli.main(arguments) == 130
    assert multiprocessing.active_children() == []
    assert "verification" not in (out / "small.json").read_text()

    def counted(tasks, jobs, advance):
        all_tasks.append(len(tasks))
        return measure_all(tasks, jobs, advance)

    monkeypatch.setattr(verify_module, "measure_all", counted)
    monkeypatch.setattr(verify_module, "write_stream", None)  # the network's side is there
    assert cli.main(arguments) == 0
    assert all_tasks == [15, 11]
    assert json.loads((out / "small.json").read_text()) == verified[1]
    shown = capsys.readouterr().out
    assert "| float Keras |" in shown
    assert shown.count(" passed |") == 5


def test_a_failed_file_is_one_line_and_the_exit_status(converted, reference, data, tmp_path, capsys):
    out = copy_files(converted, tmp_path / "out")
    shutil.copytree(reference, out, dirs_exist_ok=True)
    summary = read_list(out)
    file = entry(summary, "mask", "float32")
    write_list(out, summary, [{**file, "sha256": "0"}])
    assert cli.main(["verify", str(out), "--data", str(data), *FLAGS]) == 1
    captured = capsys.readouterr()
    assert f"failed: {file['file']}: expected SHA-256 0. Received: {file['sha256']}" in captured.err.splitlines()
    assert " FAILED |" in captured.out


def test_what_cannot_be_verified_is_one_line(converted, data, tmp_path, capsys):
    def message(*arguments):
        assert cli.main(["verify", *map(str, arguments)]) == 1
        return capsys.readouterr().err.splitlines()[-1]

    assert "expected one <name>.json of convert, or --name. Received: none" in message(tmp_path, "--data", data)
    assert "x.json: expected JSON written by convert" in message(converted, "--data", data, "--name", "x")
    assert "expected test/songs/<song>/{vocals,accompaniment}.*. Received: no song" in message(
        converted, "--data", tmp_path
    )
    assert "--steps: expected 1 or more. Received: 0" in message(converted, "--data", data, "--steps", 0)
    silent = tmp_path / "test" / "songs" / "silent"
    silent.mkdir(parents=True)
    for source in SMALL_SPEC.sources:
        soundfile.write(silent / f"{source}.wav", np.zeros((2 * RATE, 2)), RATE)
    assert "expected a second of voice or more. Received: 2 s, silent" in message(converted, "--data", tmp_path)
    (silent / "vocals.wav").write_text("no sound")
    assert "vocals.wav: expected an audio file" in message(converted, "--data", tmp_path)
    (tmp_path / "small.json").write_text(
        '{"name": "small", "spec": {}, "files": [], "provenance": {}}'
    )  # of an earlier version
    assert "expected network, parameters; convert anew" in message(tmp_path, "--data", data)


def test_a_file_of_a_precision_that_is_no_more_is_refused(verified, data, tmp_path, monkeypatch):
    """The list of an earlier version has it still."""
    out = copy_files(verified[0], tmp_path / "out", lambda file: file["precision"] == "float32")
    listed = json.loads((out / "small.json").read_text())
    old = listed["files"][0]
    listed["files"] = [old | {"precision": "int8"}]
    (out / "small.json").write_text(json.dumps(listed))
    monkeypatch.setattr(verify_module, "measure_all", measure_here)
    assert failures(verify(out, data, **QUICK)) == [
        f"{old['file']}: expected a precision of float32, float16, dynamic_int8. Received: int8"
    ]


def test_the_excerpt_is_where_the_voice_is(data):
    songs, about = read_test_songs(data, SMALL_SPEC, seconds=1)
    assert [(s.folder.name, s.start, s.read(SMALL_SPEC).shape) for s in songs] == [
        (n, 1, (2, RATE, 2)) for n in ("a", "b")
    ]
    assert all(s.active.all() for s in songs)
    whole, _ = read_test_songs(data, SMALL_SPEC, seconds=9)
    assert [list(s.active) for s in whole] == [[False, True]] * 2
    assert read_test_songs(data, SMALL_SPEC, seconds=1)[1] == about


def test_the_stream_is_the_excerpts_again_and_again(data, tmp_path):
    assert windows(20000) == {1: range(1), 100: range(100), 2000: range(1900, 2000), 20000: range(19900, 20000)}
    assert list(windows(50)) == [1, 50]
    songs, _ = read_test_songs(data, SMALL_SPEC, seconds=1)
    (tmp_path / "songs").mkdir()
    for index, one in enumerate(songs):
        np.save(tmp_path / "songs" / f"{index}.npy", one.read(SMALL_SPEC))
    steps = 5 * RATE // SMALL_SPEC.frame_step
    parts = list(read_stream(tmp_path, SMALL_SPEC, steps))
    assert [t for places, _ in parts for t in places] == list(range(steps))
    assert {1, 100, 2000} <= {places.stop for places, _ in parts}
    found = np.concatenate([samples for _, samples in parts])
    once = np.concatenate([one.read(SMALL_SPEC).sum(axis=0) for one in songs])
    np.testing.assert_array_equal(found, np.resize(once, (5 * RATE, 2))[: len(found)])


def test_stems_are_compared_from_the_song_on(unit_model, tmp_path):
    """What comes out before the song's first sample is rounding alone where masks are constant."""
    spec = StepModel(unit_model("waveform")).spec
    late, step = spec.stem_delay // spec.frame_step, spec.frame_step
    assert stem_windows(50, spec) == {1: range(1 + late), 50: range(50)}
    assert stem_windows(2, spec) == {1: range(2), 2: range(2)}
    (tmp_path / "songs").mkdir()
    np.save(tmp_path / "songs" / "0.npy", song(1).astype(np.float32))
    write_stream(unit_network(spec), tmp_path, 1 + late, lambda _: None)
    with np.load(tmp_path / "stream.npz") as file:
        reference = {name: file[name] for name in file if not name.startswith("state_")}
    vocals = spec.sources.index("vocals")
    before, first = np.split(reference["stems_1"][vocals], [late * step])
    assert len(first) == step
    assert np.abs(before).max() < 1e-6 * np.abs(first).max()

    def snr_db_where(places: slice, change: float) -> float:
        stems = reference["stems_1"].copy()
        stems[vocals, places] += change
        np.savez(tmp_path / "stream.npz", **{**reference, "stems_1": stems})
        found = measure_stream(unit_model("waveform"), tmp_path, 1 + late, lambda _: None)
        return found["steps"]["1"]["vocals_snr_db"]

    least = MIN_SNR_DB["float32"]
    assert snr_db_where(slice(0), 0) > least
    assert snr_db_where(slice(late * step, None), 1e-4 * np.std(first)) < least
    assert snr_db_where(slice(0, step), 1e-4 * np.std(first)) < least


def test_gates():
    def figures(snr=60.0, state=0.0, vocals=3.0, first=60.0, late=95.0):
        values = {"1": first, "100": snr, "20000": late}
        steps = {n: {"mask_max": 0, "mask_mean": 0, "vocals_snr_db": value} for n, value in values.items()}
        sdr = {"vocals": vocals, "accompaniment": 7.0}
        keras_sdr = {"vocals": 3.0, "accompaniment": 7.0}
        return {"steps": steps, "state_error": state, "sdr_db": sdr, "keras_sdr_db": keras_sdr, "ops": {"ADD": 1}}

    assert set(MIN_SNR_DB) == set(MAX_SDR_CHANGE_DB) == set(MAX_STATE_ERROR) == set(PRECISIONS)
    assert reasons("dynamic_int8", figures()) == []
    assert len(reasons("float32", figures())) == 2
    assert reasons("float32", figures(snr=101.0, first=101.0)) == []  # minutes later 90 dB will do
    assert len(reasons("float32", figures(snr=101.0, first=101.0, late=89.0))) == 1
    assert len(reasons("dynamic_int8", figures(late=19.0))) == 1
    assert reasons("dynamic_int8", figures(first=1.0)) == []
    assert reasons("float16", figures(first=1.0)) != []
    assert reasons("float16", figures(snr=44.0))[0].endswith(
        "45 dB SNR of the vocals or more at step 100. Received: 44.0 dB"
    )
    assert reasons("dynamic_int8", figures(vocals=3.09)) == []
    assert reasons("dynamic_int8", figures(vocals=3.15)) != []
    assert reasons("dynamic_int8", figures(vocals=2.85))[0].endswith("Keras's SDR, 3.00 dB. Received: -0.15 dB")
    assert reasons("dynamic_int8", figures(state=0.05)) == [
        "expected states with an RMS error of at most 0.04 of their range. Received: 0.05"
    ]
    for bad in (figures(snr=None), figures(state=None), figures(vocals=None)):
        assert reasons("dynamic_int8", bad) == ["expected finite numbers. Received: some that are not"]
