//go:build integration && !slow

package tagged

func Deep(a int) int { return a }
