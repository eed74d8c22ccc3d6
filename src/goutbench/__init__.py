"""goutbench: Go repositories in, a verified {code, unit test} dataset and honest measurements out."""

__version__ = "0.1.0"
