"""Candidates that tests of other files run: which tests, and what of their run is the candidate's."""
