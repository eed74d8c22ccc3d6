"""The model: loaded, adapted, written."""
