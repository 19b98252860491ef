"""From a sound card, or a file, to a sound card, separated on the way.

    microphone ─ callback ─▶ ring ─┐                                  ┌▶ ring ─ callback ─▶ loudspeaker
                                   ├─▶ worker: network ─▶ mixer ──────┤
    file ─ FileSource's thread ────┘   (a thread of its own)          └▶ queue ─ Recorder's thread ─▶ files

The callbacks copy and count, nothing else; whatever is slow stays on the worker's side of the rings.

`session.py` ties it together: `ring`, `callbacks` (what the sound card calls), `sound_card` (devices),
`file_source`, `mixer`, `recorder`. `terminal.py` shows it and takes keys.
Samples are float32 (samples, channels), full scale ±1. sounddevice is imported when a device is opened or listed.
"""
