"""Rules that pair a source file with its tests."""
