"""Gates: what is measured for them, and what earlier attempts add."""
