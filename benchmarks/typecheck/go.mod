module goutbench/typecheck

go 1.24
