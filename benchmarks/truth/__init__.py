"""goutbench's verdicts beside those of `go test`."""
