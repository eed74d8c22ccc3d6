"""New tests in the test files of a package: which file, what is new, all of them together, the patch."""
