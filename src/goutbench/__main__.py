"""`python -m goutbench` is the same as the `goutbench` command."""

from goutbench.cli import main

main()
