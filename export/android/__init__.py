"""The inputs of the Android demo's build: `assets` for the application, `golden` vectors for its Kotlin tests."""
