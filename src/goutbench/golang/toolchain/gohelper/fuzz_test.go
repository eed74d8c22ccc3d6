package main

import (
	"bytes"
	"encoding/json"
	"os"
	"path/filepath"
	"testing"
)

// The helper answers every request with one line of JSON, whatever a candidate or a line of a request contains.
func FuzzAnswers(f *testing.F) {
	f.Add([]byte("package m\n\nimport \"testing\"\n\nfunc TestF(t *testing.T) { if F(1) != 0 { t.Fatal() } }\n"))
	f.Add([]byte("package m_test\n\n//line x.go:1\nfunc (T[P]) M() { goto L; L: }\n"))
	f.Add([]byte("//go:build !x\n\npackage m; type T struct{ T }; var _ = [...]int{1 << 40: 1}"))
	f.Add([]byte(`{"op": "check", "dir": "/", "name": "x_test.go", "source": "cGFja2FnZSBtCg==", "flags": ["-tags="]}`))
	root, focal := f.TempDir(), "package m\n\nfunc F(a int) int { return a }\n"
	for name, text := range map[string]string{"go.mod": "module example.com/m\n\ngo 1.24\n", "a.go": focal} {
		if err := os.WriteFile(filepath.Join(root, name), []byte(text), 0o600); err != nil {
			f.Fatal(err)
		}
	}
	loaded := &sessions{byKey: map[string]*session{}}
	ask := func(op string, source []byte) any {
		return loaded.answer(&request{Op: op, Go: "go", Dir: root, Name: "b_test.go", Source: source})
	}
	ask("load", []byte("package m\n\nimport \"testing\"\n"))
	f.Fuzz(func(t *testing.T, source []byte) {
		for _, op := range []string{"match", "check"} {
			reply, err := json.Marshal(ask(op, source))
			if err != nil || bytes.Contains(reply, []byte("the helper panicked")) {
				t.Fatalf("%s: %s, %v", op, reply, err)
			}
		}
		if bytes.Contains(source, []byte(`"op"`)) {
			return // a request that names a folder of this machine
		}
		var output bytes.Buffer
		line := bytes.ReplaceAll(source, []byte("\n"), []byte(" "))
		serve(bytes.NewReader(append(line, '\n')), &output)
		if bytes.Count(output.Bytes(), []byte("\n")) != 1 || !json.Valid(output.Bytes()) {
			t.Fatalf("not one answer: %q", output.Bytes())
		}
	})
}
