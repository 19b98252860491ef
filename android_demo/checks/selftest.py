"""The checks' own negative controls: what is wrong must be refused."""

# The checks need the standard library alone, so no pytest.
# ruff: noqa: PT009, PT027

import struct
import tempfile
import unittest
import xml.etree.ElementTree as ElementTree
import zipfile
from pathlib import Path
from unittest import mock

import apk
import framework
import manifest
import verify
from dexfile import DexFile, read_dex
from elf import load_alignment
from project import REPOSITORY, CheckError, is_built, mark_built

MODEL = min((REPOSITORY / "keras_sep/assets").glob("*-waveform-*.tflite")).name


def run_selftest() -> None:
    result = unittest.TextTestRunner(verbosity=0).run(unittest.defaultTestLoader.loadTestsFromTestCase(ChecksTest))
    if not result.wasSuccessful():
        raise CheckError("expected the checks to pass their own tests. Received: see above")


class ChecksTest(unittest.TestCase):
    def setUp(self) -> None:
        folder = tempfile.TemporaryDirectory()
        self.addCleanup(folder.cleanup)
        self.folder = Path(folder.name)

    def archive(self, model: bytes, compression: int = zipfile.ZIP_STORED, abis: int = 3) -> zipfile.ZipFile:
        with zipfile.ZipFile(self.folder / "a.apk", "w") as out:
            apk._add(out, f"assets/models/{MODEL}", model, compression)
            apk._add(out, apk.CATALOGUE, f'[{{"file": "{MODEL}"}}]'.encode(), zipfile.ZIP_DEFLATED)
            for abi in apk.ABIS[:abis]:
                apk._add(out, f"lib/{abi}/libtensorflowlite_jni.so", elf(apk.PAGE), zipfile.ZIP_STORED, apk.PAGE)
        opened = zipfile.ZipFile(self.folder / "a.apk")
        self.addCleanup(opened.close)
        return opened

    def test_models_are_the_shipped_ones_uncompressed(self) -> None:
        shipped = (REPOSITORY / "keras_sep/assets" / MODEL).read_bytes()
        with mock.patch("builtins.print"):
            verify._check_models(self.archive(shipped))
        with self.assertRaisesRegex(CheckError, "as in keras_sep/assets"):
            verify._check_models(self.archive(shipped[:-1] + b"x"))
        with self.assertRaisesRegex(CheckError, "uncompressed"):
            verify._check_models(self.archive(shipped, zipfile.ZIP_DEFLATED))

    def test_native_libraries_are_aligned_and_complete(self) -> None:
        with mock.patch("builtins.print"):
            verify._check_native(self.archive(b""))
        with self.assertRaisesRegex(CheckError, "LiteRT for x86_64"):
            verify._check_native(self.archive(b"", abis=2))
        with mock.patch.object(apk, "PAGE", 4096), self.assertRaisesRegex(CheckError, "multiple of 16384"):
            verify._check_native(self.archive(b""))

    def test_a_reference_to_nowhere_is_found(self) -> None:
        dex = [DexFile(frozenset({"a/A"}), frozenset({"a/A", "a/Nowhere"}))]
        nothing = mock.Mock(return_value=set())
        with (
            mock.patch.multiple(verify, classpath=nothing, _java_classes=nothing, listed=nothing),
            self.assertRaisesRegex(CheckError, "a/Nowhere"),
        ):
            verify._check_references(dex)

    def test_elf_alignment_is_the_smallest_of_the_loaded(self) -> None:
        self.assertEqual(load_alignment(elf(16384)), 16384)
        self.assertEqual(load_alignment(elf(16384, 4096)), 4096)
        with self.assertRaisesRegex(ValueError, "expected an ELF file"):
            load_alignment(b"PK\3\4")

    def test_what_is_no_dex_file_is_refused(self) -> None:
        with self.assertRaisesRegex(ValueError, "expected a dex file"):
            read_dex(b"PK\3\4" + bytes(112))

    def test_framework_entries_of_every_form_become_plain(self) -> None:
        """A string reference, type 3, in a word of its own; offsets of 16 bits; and sparse."""
        compact = struct.pack("<HHI", 7, 3 << 8 | framework.COMPACT, 99)
        plain = struct.pack("<HHIHBBI", 8, 0, 7, 8, 0, 3, 99)
        for flags, offsets in ((0, struct.pack("<2I", 0xFFFFFFFF, 0)), (2, struct.pack("<2H", 0xFFFF, 0))):
            chunk = type_chunk(flags, 2, offsets, compact)
            self.assertEqual(list(framework._entries(chunk)), [(1, plain)])
        self.assertEqual(list(framework._entries(type_chunk(1, 1, struct.pack("<HH", 5, 0), plain))), [(5, plain)])
        rebuilt = framework._plain_type(type_chunk(2, 2, struct.pack("<2H", 0xFFFF, 0), compact), {1: plain})
        self.assertEqual(list(framework._entries(rebuilt)), [(1, plain)])

    def test_manifests_merge_into_one_application_and_one_provider(self) -> None:
        ours, theirs = manifest_of(".Ours", "a"), manifest_of("x.Other", "b")
        manifest._merge(ours, theirs)
        (application,) = ours.findall("application")
        (provider,) = application.findall("provider")
        self.assertEqual([data.get(manifest.NAME) for data in provider], ["a", "b"])
        self.assertEqual(application.get(manifest.NAME), ".Ours")

    def test_what_changed_is_built_again(self) -> None:
        source, out = self.folder / "source", self.folder / "out"
        source.write_text("a")
        out.mkdir()
        self.assertFalse(is_built(out, source))
        mark_built(out, source)
        self.assertTrue(is_built(out, source))
        source.write_text("ab")
        self.assertFalse(is_built(out, source))


def elf(*alignments: int) -> bytes:
    """A 64-bit header and a segment to load for each alignment."""
    header = struct.pack("<4sB27xQ14xHH", b"\x7fELF", 2, 64, 56, len(alignments)).ljust(64, b"\0")
    return header + b"".join(struct.pack("<I44xQ", 1, alignment) for alignment in alignments)


def type_chunk(flags: int, count: int, offsets: bytes, entries: bytes) -> bytes:
    start = 84 + len(offsets)
    header = struct.pack("<HHIBBHII", framework.TYPE, 84, start + len(entries), 1, flags, 0, count, start)
    return header.ljust(84, b"\0") + offsets + entries


def manifest_of(application: str, data: str) -> ElementTree.Element:
    return ElementTree.fromstring(
        '<manifest xmlns:android="http://schemas.android.com/apk/res/android">'
        f'<application android:name="{application}">'
        f'<provider android:name="p"><meta-data android:name="{data}"/></provider></application></manifest>'
    )
