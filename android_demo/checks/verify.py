"""What can be said about the APK without a device: its signature, its manifest, its code, its models."""

import gzip
import json
import re
import zipfile
from pathlib import Path

from apk import ABIS, APK, ASSETS, PAGE
from artifacts import classpath
from dexfile import DexFile, read_dex
from elf import load_alignment
from manifest import component_classes
from project import REPOSITORY, CheckError, gradle, listed, run
from res import app_resources


def verify_apk() -> None:
    """Prints what was found; raises CheckError at the first thing that is not as it should be."""
    with zipfile.ZipFile(APK) as apk:
        dex = [read_dex(apk.read(name)) for name in apk.namelist() if name.endswith(".dex")]
        _check_signature()
        _check_badging()
        _check_classes(dex)
        _check_references(dex)
        _check_models(apk)
        _check_native(apk)
    print(f"{APK.relative_to(REPOSITORY)}: {APK.stat().st_size / 1e6:.1f} MB, not run here: that takes a device")


def _check_signature() -> None:
    said = run("apksigner", "verify", "--verbose", "--min-sdk-version", gradle("minSdk"), APK)
    _expect("a signature of scheme v2", "Verified using v2 scheme (APK Signature Scheme v2): true" in said, said)
    print("signature: v2, verified")


def _check_badging() -> None:
    said = run("aapt", "dump", "badging", APK)
    for line in (
        f"package: name='{gradle('namespace')}' versionCode='{gradle('versionCode')}'",
        f"sdkVersion:'{gradle('minSdk')}'",
        f"targetSdkVersion:'{gradle('targetSdk')}'",
        f"launchable-activity: name='{gradle('namespace')}.MainActivity'",
    ):
        _expect(line, line in said, said)
    _expect("no permission to use the network", "android.permission.INTERNET" not in said, said)
    permissions = re.findall(r"uses-permission: name='(?:android\.permission\.)?([^']+)'", said)
    print(f"manifest: SDK {gradle('minSdk')} to {gradle('targetSdk')}, permissions {', '.join(permissions)}")


def _check_classes(dex: list[DexFile]) -> None:
    """By our own reader and by dexdump, which says as well that the files are sound."""
    wanted = [*component_classes(app_resources().manifest), "org.kerassep.core.StreamingSeparator"]
    listed = set(re.findall(r"Class descriptor  : 'L([^;]+);'", run("dexdump", APK)))
    defined = set().union(*(file.defined for file in dex))
    _expect("the same classes from dexdump as from dexfile.py", listed == defined, sorted(listed ^ defined)[:5])
    for name in wanted:
        _expect(f"{name} in the dex files", name.replace(".", "/") in defined, f"{len(defined)} classes without it")
    _expect("each class once", len(defined) == sum(len(file.defined) for file in dex), "a class defined twice")
    print(f"code: {len(dex)} dex files, {len(defined)} classes, among them the {len(wanted)} that are named elsewhere")


def _check_references(dex: list[DexFile]) -> None:
    """No class that neither the APK nor Android has, but for those that libraries ask for and do without."""
    missing = set().union(*(file.referred for file in dex)) - set().union(*(file.defined for file in dex))
    for jar in classpath("framework"):
        with zipfile.ZipFile(jar) as archive:
            missing -= {name.removesuffix(".class") for name in archive.namelist()}
    missing -= _java_classes()
    optional = listed("optional_classes.txt")
    unknown = sorted(name for name in missing if not any(name.startswith(prefix) for prefix in optional))
    _expect("no reference to a class that is nowhere", not unknown, unknown)
    unused = sorted(prefix for prefix in optional if not any(name.startswith(prefix) for name in missing))
    _expect("no line of optional_classes.txt that is not needed", not unused, unused)
    print(f"references: all there, but for {len(missing)} classes that libraries do without (optional_classes.txt)")


def _java_classes() -> set[str]:
    """Java's own classes as of Android 8: the strings, each after its length, of a serialised list of its API."""
    (signatures,) = (file for file in classpath("tools") if file.suffix == ".signature")
    data = gzip.decompress(signatures.read_bytes())
    found = re.findall(rb"t(..)(javax?/[\w/$]+)", data, re.DOTALL)
    return {name[: int.from_bytes(length, "big")].decode() for length, name in found}


def _check_models(apk: zipfile.ZipFile) -> None:
    """Byte for byte the package's, and stored as they are, because the application maps them."""
    files = [entry for entry in apk.infolist() if entry.filename.startswith("assets/models/")]
    models = [entry for entry in files if entry.filename.endswith(".tflite")]
    for entry in models:
        name = Path(entry.filename).name
        _expect(f"{name} uncompressed", entry.compress_type == zipfile.ZIP_STORED, entry.compress_type)
        shipped = (REPOSITORY / "keras_sep/assets" / name).read_bytes()
        _expect(f"{name} as in keras_sep/assets", apk.read(entry) == shipped, "other bytes")
    listed = {entry["file"] for entry in json.loads(apk.read("assets/models/catalogue.json"))}
    present = {Path(entry.filename).name for entry in models}
    _expect(f"the models of the catalogue, {sorted(listed)}", listed == present, sorted(present))
    _expect("at least one model", bool(models), f"nothing of {ASSETS}")
    print(f"models: {', '.join(sorted(listed))}: identical and uncompressed")


def _check_native(apk: zipfile.ZipFile) -> None:
    coarse = set()
    for abi in ABIS:
        names = [name for name in apk.namelist() if name.startswith(f"lib/{abi}/")]
        _expect(f"LiteRT for {abi}", f"lib/{abi}/libtensorflowlite_jni.so" in names, names)
        for name in names:
            entry = apk.getinfo(name)
            data_at = _data_at(apk, entry)
            stored = entry.compress_type == zipfile.ZIP_STORED and data_at % PAGE == 0
            _expect(f"{name} uncompressed at a multiple of {PAGE}", stored, data_at)
            if load_alignment(apk.read(name)) < PAGE:
                coarse.add(Path(name).name)
    unfit = f"; not for devices with pages of 16 KB: {', '.join(sorted(coarse))}" if coarse else ""
    print(f"native libraries: {', '.join(ABIS)}{unfit}")


def _data_at(apk: zipfile.ZipFile, entry: zipfile.ZipInfo) -> int:
    """Where an entry's data begins: after a header whose fields may differ from the directory's."""
    assert apk.fp
    apk.fp.seek(entry.header_offset + 26)
    lengths = apk.fp.read(4)
    return entry.header_offset + 30 + int.from_bytes(lengths[:2], "little") + int.from_bytes(lengths[2:], "little")


def _expect(what: str, holds: bool, received: object) -> None:
    if not holds:
        raise CheckError(f"{APK.name}: expected {what}. Received: {received}")
