module goutbench/keeper

go 1.22
