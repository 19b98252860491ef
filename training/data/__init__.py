"""From recordings to batches: datasets → stems → mixing (effects) → excerpts → batches, or workers and waveforms."""
