package branches

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
)

const prefix = "goutbench1234"

func plan(outcomes int) *Plan {
	return &Plan{Branches: []Branch{{Outcomes: make([]Outcome, outcomes)}}, Prefix: prefix}
}

// covered is the output of go tool cover for a condition and storage.
func covered(counter string) string {
	cases := "case 0:" + strings.ReplaceAll(counter, "N", "4") + ";\ncase 1:" + strings.ReplaceAll(counter, "N", "5") + ";\n"
	return "package p\nfunc F(a bool) {\n\tif a {\n\t}\n}\n" + strings.Replace(storage(prefix, 2), "case 0:\ncase 1:\n", cases, 1)
}

func TestCountersAreWrittenAsGoToolCoverWritesThem(t *testing.T) {
	for counter, want := range map[string]string{
		"c_1[N] = 1":                     "c_1[4+outcome] = 1",
		"c_1[N]++":                       "c_1[4+outcome]++",
		"_atomic_.AddUint32(&c_1[N], 1)": "_atomic_.AddUint32(&c_1[4+outcome], 1)",
	} {
		text, err := instrument(covered(counter), plan(2))
		if err != nil || !strings.Contains(text, "if "+prefix+"(0, a) {") || !strings.Contains(text, want) {
			t.Errorf("%s: %v\n%s", counter, err, text)
		}
	}
}

func TestAnOutputThatIsNotAsExpectedGetsNoCounters(t *testing.T) {
	known := covered("c_1[N] = 1")
	for problem, text := range map[string]string{
		"no storage":      "package p\n",
		"another number":  strings.Replace(known, "c_1[5]", "c_1[7]", 1),
		"another counter": strings.Replace(known, "c_1[5]", "c_2[5]", 1),
		"another branch":  strings.Replace(known, "\tif a {\n\t}\n", "", 1),
		"no Go":           strings.Replace(known, "func F(a bool)", "func F(", 1),
	} {
		if text, err := instrument(text, plan(2)); err == nil {
			t.Errorf("%s: %s", problem, text)
		}
	}
	if _, err := instrument(known, plan(3)); err == nil {
		t.Error("three outcomes have two counters")
	}
}

func TestTheOutputOfAFileIsFoundInTheList(t *testing.T) {
	list := filepath.Join(t.TempDir(), "list")
	os.WriteFile(list, []byte("/w/vars.go\n/w/a b.cover.go\n/w/c.cover.go\n"), 0o600)
	args := []string{"-mode", "set", "-outfilelist", list, "a b.go", "c.go"}
	for at, want := range map[int]string{4: "/w/a b.cover.go", 5: "/w/c.cover.go"} {
		if got, err := outputOf(args, at); err != nil || got != want {
			t.Errorf("%q, %v", got, err)
		}
	}
	for _, other := range [][]string{args[:5], {"-mode", "set", "c.go"}} {
		if got, err := outputOf(other, len(other)-1); err == nil {
			t.Errorf("%q", got)
		}
	}
}
