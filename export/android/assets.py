"""The application's assets: the shipped models, their catalogue and the example song."""

from __future__ import annotations

import shutil
from pathlib import Path

from common import example_song
from common.files import made_anew, write_json
from keras_sep.presets import DEFAULT_PRESET, PREFERENCE, presets
from keras_sep.store import ASSETS


def write_assets(app: Path) -> list[Path]:
    """Writes src/main/assets/{models,example} of the application; each replaces the folder of that name.

    models/ holds the .tflite files of every preset, the licences of their weights, and catalogue.json: a list of
    {preset, file, graph, precision, bytes, sha256, description, licence, licence_file, spec}, which begins with the
    preferred file of the default preset.

    Args:
        app: folder of the application's Gradle module.

    Returns:
        The paths of the files written.

    Raises:
        ModelFileError: a shipped file is missing or is not the one that presets.json describes.
        ValueError: `app` does not exist.
    """
    if not app.is_dir():
        raise ValueError(f"{app}: expected the folder of the Android application. Received: none")
    target = app / "src" / "main" / "assets"
    catalogue = []
    with made_anew(target / "models") as folder:
        for preset in sorted(presets().values(), key=lambda p: p.name != DEFAULT_PRESET):
            licence = f"{preset.name}.LICENSE"
            shutil.copyfile(ASSETS / licence, folder / licence)
            for file in sorted(preset.files, key=lambda f: (f.graph != "waveform", PREFERENCE.index(f.precision))):
                shutil.copyfile(file.path(), folder / file.file)
                catalogue.append(
                    {
                        "preset": preset.name,
                        **{key: getattr(file, key) for key in ("file", "graph", "precision", "bytes", "sha256")},
                        "description": preset.description,
                        "licence": preset.licence,
                        "licence_file": licence,
                        "spec": preset.spec.to_dict(),
                    }
                )
        write_json(folder / "catalogue.json", catalogue)
    with made_anew(target / "example") as folder:
        shutil.copyfile(example_song.MIXTURE, folder / "example.flac")
    return sorted(path for name in ("models", "example") for path in (target / name).iterdir())
