// Package shop has a little of everything that Go declares.
package shop

import (
	_ "embed"
	"errors"
	"fmt"
	"sort"
	str "strings"
	"sync"
)

// Money is in cents.
type Money int64

type kind uint8

const (
	book kind = iota
	pen
	lamp
)

const greeting, farewell = "hello", "bye"

var (
	// ErrEmpty says that there is nothing to pay for.
	ErrEmpty = errors.New("empty cart")
	names    = map[kind]string{book: "book", pen: "pen", lamp: "lamp"}
	handlers = []func(*Cart) error{(*Cart).check, func(c *Cart) error { return nil }}
)

//go:embed shop.txt
var module string

// Item is a line of a cart.
type Item struct {
	Kind  kind
	Price Money
	note  string
}

// Cart holds items.
type Cart struct {
	mu                  sync.Mutex
	items               []Item
	owner, city, street string
	discount            func(Money) Money
	Ledger[Item]
}

// Ledger remembers.
type Ledger[T any] struct {
	entries []T
	closed  bool
}

// Add appends an entry.
func (l *Ledger[T]) Add(entry T) {
	if !l.closed {
		l.entries = append(l.entries, entry)
	}
}

// Len counts the entries.
func (l *Ledger[T]) Len() int { return len(l.entries) }

// Payer pays.
type Payer interface {
	Pay(amount Money) error
	fmt.Stringer
}

func init() { names[pen] = str.ToUpper(names[pen]) }

func init() { _ = module }

// New makes a cart.
func New(owner string) *Cart {
	return &Cart{owner: owner, discount: half}
}

func half(m Money) Money { return m / 2 }

// Put puts an item in.
func (c *Cart) Put(items ...Item) {
	c.mu.Lock()
	defer c.mu.Unlock()
	for _, item := range items {
		c.items = append(c.items, item)
		c.Add(item)
	}
	sort.Slice(c.items, func(i, j int) bool { return c.items[i].Price < c.items[j].Price })
}

// Total adds up.
func (c *Cart) Total() (total Money) {
	for _, item := range c.items {
		total += item.Price
	}
	if c.discount != nil {
		total = c.discount(total)
	}
	return total
}

func (c *Cart) check() error {
	if len(c.items) == 0 {
		return ErrEmpty
	}
	return nil
}

// Checkout lets the payer pay.
func (c *Cart) Checkout(p Payer) error {
	for _, handle := range handlers {
		if err := handle(c); err != nil {
			return fmt.Errorf("%s, %s: %w", greeting, p, err)
		}
	}
	return p.Pay(c.Total())
}

func describe(items []Item) string {
	lines := Map(items, func(i Item) string { return names[i.Kind] + i.note })
	return str.Join(append(lines, farewell), "\n")
}

// Map applies f.
func Map[T, U any](xs []T, f func(T) U) []U {
	made := make([]U, 0, len(xs))
	for _, x := range xs {
		made = append(made, f(x))
	}
	return made
}

var _ = describe
