"""Live separation of a sound card's input, or of a file, played by a sound card.

    microphone ─ callback ─▶ ring ─┐                                  ┌▶ ring ─ callback ─▶ loudspeaker
                                   ├─▶ worker: network ─▶ mixer ──────┤
    file ─ FileSource's thread ────┘   (a separate thread)            └▶ queue ─ Recorder's thread ─▶ files

The callbacks only copy and count; everything slow happens on the worker's side of the rings.

`session.py` connects the parts: `ring`, `callbacks` (called by the sound card), `sound_card` (devices), `file_source`,
`mixer` and `recorder`. `terminal.py` shows a session and reads keys.
Samples are float32 arrays (samples, channels), full scale ±1. sounddevice is imported by `SoundCard()` only.
"""
