"""A small Go module with what makes Go tests hard to check: external tests, helpers, internal packages."""

from pathlib import Path

FILES = {
    "go.mod": "module example.com/toy\n\ngo 1.22\n",
    "toy/toy.go": """package toy

import "strings"

type Toy struct{ name string }

func New(name string) Toy { return Toy{name} }

func (t Toy) Name() string { return strings.ToUpper(t.name) }

func Clamp(x, low, high int) int {
	if x < low {
		return low
	}
	if x > high {
		return high
	}
	return x
}
""",
    "toy/export_test.go": "package toy\n\nfunc Secret(t Toy) string { return t.name }\n",
    "toy/helper_test.go": """package toy

import "testing"

func must(t *testing.T, ok bool) {
	if !ok {
		t.Fatal()
	}
}
""",
    "toy/use_test.go": 'package toy\n\nimport "testing"\n\nfunc TestUse(t *testing.T) { must(t, true) }\n',
    "shop/shop.go": """package shop

import "example.com/toy/toy"

func Sell() toy.Toy { return toy.New("car") }
""",
    "other/internal/deep/deep.go": "package deep\n\nconst X = 1\n",
    "tool/main.go": "package main\n\nfunc main() {}\n",
}


def write(root: Path, files: dict[str, str]) -> Path:
    """Write the files below root; gives root's real path (overlays need it)."""
    for name, text in files.items():
        path = root / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)
    return root.resolve()
