"""The training run: trainer, losses, estimates, record."""
