"""The model: loaded, made trainable, written."""
