module goutbench/gocheck

go 1.26
