"""What the Android demo is built from: `assets` for the application, `golden` vectors for the tests of its Kotlin."""
