module example.org/writes

go 1.22
