module goutbench/sandboxinit

go 1.24
