"""What the reference tests of a dataset reach when they run, as facts that hold nobody's code."""
