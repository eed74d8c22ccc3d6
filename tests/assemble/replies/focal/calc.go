// Package calc is what the replies of the corpus test.
package calc

import (
	"errors"
	"fmt"
	"strconv"
)

// ErrZero is returned for a division by zero.
var ErrZero = errors.New("division by zero")

// Limit is the largest operand.
const Limit = 1000

// Shape has an area.
type Shape interface{ Area() float64 }

// Stack holds values, the last in first out.
type Stack[T any] struct{ items []T }

// Push puts a value on top.
func (s *Stack[T]) Push(v T) { s.items = append(s.items, v) }

// Pop takes the top value.
func (s *Stack[T]) Pop() (T, bool) {
	var zero T
	if len(s.items) == 0 {
		return zero, false
	}
	v := s.items[len(s.items)-1]
	s.items = s.items[:len(s.items)-1]
	return v, true
}

type account struct {
	owner   string
	balance int
}

func (a *account) deposit(n int) { a.balance += n }

// NewAccount opens an account.
func NewAccount(owner string) *account { return &account{owner: owner} }

// Add adds.
func Add(a, b int) int { return a + b }

// Div divides.
func Div(a, b int) (int, error) {
	if b == 0 {
		return 0, ErrZero
	}
	return a / b, nil
}

// Parse reads a number.
func Parse(s string) (int, error) {
	n, err := strconv.Atoi(s)
	if err != nil {
		return 0, fmt.Errorf("parse: %w", err)
	}
	return clamp(n), nil
}

func clamp(n int) int {
	if n > Limit {
		return Limit
	}
	return n
}
