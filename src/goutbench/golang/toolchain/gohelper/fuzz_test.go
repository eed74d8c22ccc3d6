package main

import (
	"bytes"
	"encoding/json"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// The helper answers every request with one line of JSON, whatever a candidate or a focal file contains.
func FuzzAnswers(f *testing.F) {
	f.Add([]byte("package m\n\nfunc F(a int) int {\n\tif a > 1 {\n\t\treturn a + 1\n\t}\n\treturn 0\n}\n"), false)
	f.Add([]byte("package m\n\nimport \"testing\"\n\nfunc TestF(t *testing.T) { if F(1) != 0 { t.Fatal() } }\n"), true)
	f.Add([]byte("package m_test\n\n//line x.go:1\nfunc (T[P]) M() { goto L; L: }\n"), true)
	f.Add([]byte("//go:build !x\n\npackage m; type T struct{ T }; var _ = [...]int{1 << 40: 1}"), false)
	root := f.TempDir()
	focal := "package m\n\nfunc F(a int) int { return a }\n"
	for name, text := range map[string]string{"go.mod": "module example.com/m\n\ngo 1.24\n", "a.go": focal} {
		if err := os.WriteFile(filepath.Join(root, name), []byte(text), 0o600); err != nil {
			f.Fatal(err)
		}
	}
	f.Fuzz(func(t *testing.T, source []byte, isTest bool) {
		name := "b.go"
		if isTest {
			name = "b_test.go"
		} else if err := os.WriteFile(filepath.Join(root, name), source, 0o600); err != nil {
			t.Fatal(err)
		}
		var input, output bytes.Buffer
		for _, op := range []string{"match", "load", "check", "blocks", "mutate"} {
			line, _ := json.Marshal(request{Op: op, Go: "go", Dir: root, Name: name, Source: source,
				Switch: "Switch", Key: "00ff", Env: "SWITCH"})
			input.Write(append(line, '\n'))
		}
		input.WriteString(strings.ReplaceAll(string(source), "\n", " ") + "\n")
		serve(&input, &output)
		lines := bytes.Split(bytes.TrimSuffix(output.Bytes(), []byte("\n")), []byte("\n"))
		if len(lines) != 6 {
			t.Fatalf("%d answers to 6 requests", len(lines))
		}
		for _, line := range lines {
			if !json.Valid(line) || bytes.Contains(line, []byte("the helper panicked")) {
				t.Fatalf("%s", line)
			}
		}
	})
}
