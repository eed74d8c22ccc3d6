package main

import (
	"fmt"
	"math/rand"
	"os"
)

type config struct{ path string }

func roll() int { return rand.Intn(6) + 1 }

func main() {
	fmt.Fprintln(os.Stdout, roll(), config{}.path)
}
