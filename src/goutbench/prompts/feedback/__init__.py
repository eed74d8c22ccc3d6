"""Feedback: what an execution says about a candidate, as the next message to the model that wrote it.

To add a kind, add a function to `message.KINDS`.
"""
