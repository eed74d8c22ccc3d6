package main

import (
	"encoding/json"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// Settings and messages are ours, but what they name is not: no path leads out of a copy.
func FuzzReplace(f *testing.F) {
	f.Add("a/b/c.go", "text")
	f.Add("x_test.go", "")
	f.Fuzz(func(t *testing.T, path, text string) {
		if !filepath.IsLocal(path) || filepath.Clean(path) != path || path == "." || strings.Contains(path, "\x00") {
			t.Skip()
		}
		for _, part := range strings.Split(path, "/") {
			if len(part) > 200 {
				t.Skip()
			}
		}
		folder := t.TempDir()
		t.Chdir(folder)
		upper, file := filepath.Join(folder, "upper"), filepath.Join(folder, "file")
		for _, name := range []string{upper, filepath.Join("lower", filepath.Dir(path))} {
			if err := os.MkdirAll(name, 0o755); err != nil {
				t.Fatal(err)
			}
		}
		if err := os.WriteFile(file, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
		message, _ := json.Marshal(map[string]any{"owner": -1, "replaced": map[string]string{path: file}})
		c := &copies{}
		if err := json.Unmarshal(message, &c.CopiesOf); err != nil || !json.Valid(message) {
			t.Fatal(err)
		}
		for name := range c.Replaced {
			if name != path {
				t.Skip() // JSON replaces bytes that are not UTF-8
			}
		}
		if err := c.replace(upper); err != nil {
			t.Fatal(err)
		}
		got, err := os.ReadFile(filepath.Join(upper, path))
		if err != nil || string(got) != text {
			t.Fatalf("%q: %q, %v", path, got, err)
		}
	})
}
