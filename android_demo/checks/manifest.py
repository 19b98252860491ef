"""The manifest that Android sees: the application's with those of its libraries, as the Android Gradle plugin merges.

Of the merger's rules these are enough here: elements of the libraries are added, elements of one name become one,
attributes of the application are added where it has none, ${applicationId} is filled in.
"""

import re
import xml.etree.ElementTree as ElementTree
from collections.abc import Iterable
from pathlib import Path

from artifacts import Library
from project import APP, gradle

ANDROID = "{http://schemas.android.com/apk/res/android}"
TOOLS = "{http://schemas.android.com/tools}"
NAME = f"{ANDROID}name"


def write_manifest(libraries: Iterable[Library], out: Path) -> None:
    ElementTree.register_namespace("android", ANDROID[1:-1])
    root = ElementTree.parse(APP / "src/main/AndroidManifest.xml").getroot()
    root.set("package", gradle("namespace"))
    root.set(f"{ANDROID}versionCode", gradle("versionCode"))
    root.set(f"{ANDROID}versionName", gradle("versionName"))
    sdks = {f"{ANDROID}{name}Version": gradle(name) for name in ("minSdk", "targetSdk")}
    root.insert(0, ElementTree.Element("uses-sdk", sdks))
    for library in libraries:
        if library.manifest:
            text = library.manifest.read_text().replace("${applicationId}", gradle("namespace"))
            _merge(root, ElementTree.fromstring(text))
    _application(root).set(f"{ANDROID}extractNativeLibs", "false")  # they are mapped from the APK
    for element in root.iter():
        for name in [name for name in element.attrib if name.startswith(TOOLS)]:
            del element.attrib[name]
    ElementTree.indent(root, "    ")
    out.parent.mkdir(parents=True, exist_ok=True)
    ElementTree.ElementTree(root).write(out, encoding="utf-8", xml_declaration=True)


def component_classes(manifest: Path) -> list[str]:
    """Every class that a manifest names, in full."""
    root = ElementTree.parse(manifest).getroot()
    application = _application(root)
    names = [application.get(NAME), application.get(f"{ANDROID}appComponentFactory")]
    for tag in ("activity", "service", "receiver", "provider"):
        names += [element.get(NAME) for element in root.iter(tag)]
    return [re.sub(r"^\.", f"{root.get('package')}.", name) for name in names if name]


def _application(root: ElementTree.Element) -> ElementTree.Element:
    (application,) = root.findall("application")
    return application


def _merge(ours: ElementTree.Element, theirs: ElementTree.Element) -> None:
    for element in theirs:
        if element.tag == "uses-sdk":
            continue
        same = next((e for e in ours.findall(element.tag) if _key(e) == _key(element)), None)
        if same is None:
            ours.append(element)
        else:
            for key, value in element.attrib.items():
                if key not in same.attrib:
                    same.set(key, value)
            _merge(same, element)


def _key(element: ElementTree.Element) -> str | None:
    """There is one application, whatever its class; other elements go by their names."""
    return None if element.tag == "application" else element.get(NAME)
