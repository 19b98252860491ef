"""The APK: resources, code, native libraries and models in one archive, aligned, signed with a throw-away key."""

import json
import struct
import zipfile
from pathlib import Path

from artifacts import classpath, libraries
from dex import dex_files
from project import APP, TARGET, CheckError, run
from res import app_resources

APK = TARGET / "kerassep-demo.apk"
ASSETS = APP / "src/main/assets"
CATALOGUE = "assets/models/catalogue.json"
ABIS = ("arm64-v8a", "armeabi-v7a", "x86_64")
# The native libraries are mapped from the archive: at 16 KB, the largest page that Android uses.
PAGE, WORD, ALIGNMENT_FIELD = 16384, 4, 0xD935


def build_apk() -> None:
    _require_assets()
    unsigned = APK.with_suffix(".unsigned")
    with zipfile.ZipFile(unsigned, "w") as apk:
        _add_linked(apk)
        for k, dex in enumerate(dex_files()):
            name = "classes.dex" if k == 0 else f"classes{k + 1}.dex"
            _add(apk, name, dex.read_bytes(), zipfile.ZIP_DEFLATED)
        _add_services(apk)
        for library in libraries("app"):
            for abi in ABIS:
                for file in sorted((library.folder or Path()).glob(f"jni/{abi}/*.so")):
                    _add(apk, f"lib/{abi}/{file.name}", file.read_bytes(), zipfile.ZIP_STORED, PAGE)
    run("zipalign", "-c", "-p", WORD, unsigned)
    _sign(unsigned)


def _add_linked(apk: zipfile.ZipFile) -> None:
    """What aapt2 linked, compressed or not as it decided, without the models that do not run."""
    with zipfile.ZipFile(app_resources().apk) as linked:
        catalogue = json.loads(linked.read(CATALOGUE))
        left_out = {f"assets/models/{model['file']}" for model in catalogue if _is_unfit(model)}
        kept = json.dumps([model for model in catalogue if not _is_unfit(model)], indent=1).encode()
        for entry in linked.infolist():
            if entry.filename not in left_out:
                data = kept if entry.filename == CATALOGUE else linked.read(entry)
                _add(apk, entry.filename, data, entry.compress_type)


def _is_unfit(model: dict[str, object]) -> bool:
    """Whether this APK cannot run a model that the Gradle build can.

    TensorFlow Lite 2.16, the newest for Android on Maven Central, lacks version 12 of FULLY_CONNECTED, which the
    dynamic_int8 files use. The Gradle build has LiteRT, which runs them all.
    """
    return model["precision"] == "dynamic_int8"


def _add_services(apk: zipfile.ZipFile) -> None:
    """What ServiceLoader reads: without it coroutines find no main thread."""
    services: dict[str, bytes] = {}
    for jar in classpath("app"):
        with zipfile.ZipFile(jar) as archive:
            for name in archive.namelist():
                if name.startswith("META-INF/services/") and not name.endswith("/"):
                    services[name] = services.get(name, b"") + archive.read(name) + b"\n"
    for name, data in sorted(services.items()):
        _add(apk, name, data, zipfile.ZIP_DEFLATED)


def _add(apk: zipfile.ZipFile, name: str, data: bytes, compression: int, alignment: int = WORD) -> None:
    """Stored data begins at a multiple of `alignment`, by padding in a field that apksigner keeps."""
    entry = zipfile.ZipInfo(name, (1980, 1, 1, 0, 0, 0))
    entry.compress_type = compression
    if compression == zipfile.ZIP_STORED:
        begin = apk.start_dir + 30 + len(name.encode()) + 6
        padding = -begin % alignment
        entry.extra = struct.pack("<HHH", ALIGNMENT_FIELD, 2 + padding, alignment) + bytes(padding)
    apk.writestr(entry, data)


def _sign(unsigned: Path) -> None:
    key = TARGET / "debug.keystore"
    if not key.exists():
        run(
            *("keytool", "-genkeypair", "-keystore", key, "-storepass", "android", "-keypass", "android"),
            *("-alias", "debug", "-keyalg", "RSA", "-keysize", "2048", "-validity", "10000", "-dname", "CN=Debug"),
        )
    signing = ("--ks", key, "--ks-pass", "pass:android", "--ks-key-alias", "debug", "--v4-signing-enabled", "false")
    run("apksigner", "sign", *signing, "--out", APK, unsigned)


def _require_assets() -> None:
    """The models and the example song are written by Python and are not in the repository twice."""
    if not (ASSETS / "models/catalogue.json").exists():
        raise CheckError("expected app/src/main/assets/models/catalogue.json. Run `python -m export android` first")
