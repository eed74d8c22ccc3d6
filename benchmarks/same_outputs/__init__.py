"""Records the outputs of every stage by one version of goutbench, and compares two records cell by cell."""
