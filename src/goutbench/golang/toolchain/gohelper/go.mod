module goutbench/gohelper

go 1.24
