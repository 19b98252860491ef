"""One training run: config → build → training_run; initial weights (warm_start), callbacks, fast kernels (fused_*)."""
