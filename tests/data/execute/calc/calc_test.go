package calc

import "testing"

func TestAdd(t *testing.T) {
	check(t, Add(2, 3), 5)
}

func TestClamp(t *testing.T) {
	check(t, Clamp(5, 1, 3), 3)
	check(t, Clamp(0, 1, 3), 1)
	check(t, Clamp(2, 1, 3), 2)
}
