"""One run: config → train, with what it begins with (warm_start), keeps (callbacks) and is sped up by (fused …)."""
