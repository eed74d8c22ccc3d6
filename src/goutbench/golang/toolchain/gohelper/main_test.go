package main

import (
	"bytes"
	"encoding/json"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"testing/fstest"
)

// ask sends requests to a new helper, and returns its answers.
func ask(t *testing.T, requests ...any) (answers []map[string]any) {
	t.Helper()
	var input, output bytes.Buffer
	for _, req := range requests {
		if text, ok := req.(string); ok {
			input.WriteString(text + "\n")
		} else if err := json.NewEncoder(&input).Encode(req); err != nil {
			t.Fatal(err)
		}
	}
	serve(&input, &output)
	for line := range strings.Lines(output.String()) {
		answer := map[string]any{}
		if err := json.Unmarshal([]byte(line), &answer); err != nil {
			t.Fatal(err)
		}
		answers = append(answers, answer)
	}
	if len(answers) != len(requests) {
		t.Fatalf("%d answers to %d requests", len(answers), len(requests))
	}
	return answers
}

// writeModule writes a module with one package, and returns its folder.
func writeModule(t *testing.T) string {
	t.Helper()
	root := t.TempDir()
	err := os.CopyFS(root, fstest.MapFS{
		"go.mod": {Data: []byte("module example.com/m\n\ngo 1.24\n")},
		"a.go":   {Data: []byte("package a\n\nfunc Less(a, b int) bool { return a < b }\n")},
	})
	if err != nil {
		t.Fatal(err)
	}
	return root
}

func TestRequestsThatCannotBeAnsweredHaveAReason(t *testing.T) {
	dir := writeModule(t)
	answers := ask(t, "{", request{Op: "check", Dir: "/"}, request{Op: "fly", Dir: dir}, request{Op: "operators"})
	for i, want := range []string{"not a request", "no go.mod above /", "unknown request: fly"} {
		if got, _ := answers[i]["infra"].(string); !strings.Contains(got, want) {
			t.Errorf("answer %d: %v, want %q", i, answers[i], want)
		}
	}
	if operators, _ := answers[3]["operators"].([]any); len(operators) == 0 {
		t.Errorf("operators: %v", answers[3])
	}
}

func TestACheckNeedsALoadedPackage(t *testing.T) {
	dir := writeModule(t)
	source := []byte("package a\n\nimport \"testing\"\n\nfunc TestLess(t *testing.T) { _ = Less(1, \"\") }\n")
	check := request{Op: "check", Go: "go", Dir: dir, Name: "a_test.go", Source: source}
	load := check
	load.Op = "load"
	answers := ask(t, check, load, check)
	if answers[0]["need"] != true || answers[1]["infra"] != nil || answers[2]["need"] != nil {
		t.Fatalf("%v", answers)
	}
	errors, _ := answers[2]["errors"].([]any)
	if len(errors) != 1 || errors[0].(map[string]any)["kind"] != "mismatched-types" {
		t.Errorf("%v", errors)
	}
}

func TestAWarmPackageCanBeMutated(t *testing.T) {
	dir := writeModule(t)
	warm := request{Op: "warm", Go: "go", Dirs: []string{dir}}
	mutate := request{Op: "mutate", Go: "go", Dir: dir, Name: "a.go", Switch: "Switch", Env: "SWITCH", Key: "0"}
	answers := ask(t, warm, mutate)
	if count, _ := answers[0]["packages"].(float64); count < 1 {
		t.Errorf("%v", answers[0])
	}
	if mutants, _ := answers[1]["mutants"].([]any); len(mutants) == 0 {
		t.Errorf("%v", answers[1])
	}
}

func TestAPanicEndsTheSessionAndNotTheHelper(t *testing.T) {
	dir := writeModule(t)
	s := &sessions{byKey: map[string]*session{}}
	req := &request{Op: "warm", Go: "go", Dir: dir}
	if _, err := s.of(req); err != nil {
		t.Fatal(err)
	}
	s.byKey[s.order[0]] = &session{} // its module is nil
	answer, ok := s.answer(req).(failure)
	if !ok || !strings.Contains(answer.Infra, "the helper panicked") {
		t.Errorf("%v", answer)
	}
	if len(s.byKey) != 0 || len(s.order) != 0 {
		t.Error("the session remains")
	}
}

func TestOnlyTheLatestSessionsRemain(t *testing.T) {
	dir := writeModule(t)
	s := &sessions{byKey: map[string]*session{}}
	var first *session
	for i := range maxSessions + 1 {
		current, err := s.of(&request{Go: "go", Dir: dir, Flags: []string{"-tags=" + strings.Repeat("x", i+1)}})
		if err != nil {
			t.Fatal(err)
		}
		if i == 0 {
			first = current
		}
	}
	if len(s.byKey) != maxSessions || len(s.order) != maxSessions {
		t.Errorf("%d sessions, %d keys", len(s.byKey), len(s.order))
	}
	if again, _ := s.of(&request{Go: "go", Dir: dir, Flags: []string{"-tags=x"}}); again == first {
		t.Error("the oldest session remains")
	}
	if latest, _ := s.of(&request{Go: "go", Dir: filepath.Join(dir, "."), Flags: []string{"-tags=xxxxx"}}); latest != s.byKey[s.order[2]] {
		t.Error("the same module and flags have another session")
	}
}
