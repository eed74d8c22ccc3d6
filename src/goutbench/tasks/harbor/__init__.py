"""Tasks as folders for Harbor: an agent works in one container, and its test file is judged in another."""
