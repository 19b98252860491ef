"""One run: config → build → training_run; with its first weights (warm_start), callbacks and fast kernels (fused_*)."""
