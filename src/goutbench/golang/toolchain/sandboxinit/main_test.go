package main

import (
	"os"
	"os/exec"
	"strings"
	"syscall"
	"testing"
	"time"
)

var here = &world{Renewal: Renewal{Folder: "/"}}

func shell(script string) []string { return []string{"/bin/sh", "-c", script} }

func TestARunReportsExitCodeAndTheEndOfItsOutput(t *testing.T) {
	report := runQuietly(shell("echo $VALUE; echo error >&2; exit 3"), here, Run{Env: []string{"VALUE=set"}, Wall: 60})
	if report.Exit != 3 || report.Tail != "set\nerror\n" || report.Stopped != "" || report.Wall <= 0 {
		t.Errorf("%+v", report)
	}
}

func TestASignalIsReportedAs128PlusItsNumber(t *testing.T) {
	if report := runQuietly(shell("kill -TERM $$"), here, Run{}); report.Exit != 128+int(syscall.SIGTERM) {
		t.Errorf("%+v", report)
	}
}

func TestACommandThatCannotBeStartedIsNoResult(t *testing.T) {
	if os.Getenv("START_NOTHING") != "" {
		runQuietly([]string{"/nonexistent"}, here, Run{})
		return // with 0: then the tests of this process pass
	}
	command := exec.Command(os.Args[0], "-test.run=^TestACommandThatCannotBeStartedIsNoResult$")
	command.Env = append(os.Environ(), "START_NOTHING=1")
	if command.Run(); command.ProcessState.ExitCode() != 125 {
		t.Error(command.ProcessState)
	}
}

func TestLimitsEndARun(t *testing.T) {
	for want, test := range map[string]struct {
		script string
		run    Run
	}{
		"wall": {"sleep 60", Run{Wall: 0.2}},
		"idle": {"sleep 60", Run{Wall: 60, Idle: 0.2}},
		"cpu":  {"while :; do :; done", Run{Wall: 60, CPU: 0.1}},
	} {
		begin := time.Now()
		report := runQuietly(shell(test.script), here, test.run)
		if report.Stopped != want || report.Exit != 128+int(syscall.SIGKILL) || time.Since(begin) > 30*time.Second {
			t.Errorf("%s: %+v", want, report)
		}
	}
}

func TestTheTailIsValidTextOfLimitedLength(t *testing.T) {
	if got := lastBytes(strings.NewReader(strings.Repeat("x", 1<<20) + "end")); len(got) != tailBytes || !strings.HasSuffix(got, "xend") {
		t.Errorf("%d bytes, %.20q", len(got), got)
	}
	if got := lastBytes(strings.NewReader("a\xffb")); got != "a?b" {
		t.Errorf("%q", got)
	}
}

func TestOnlyMessagesWithTheTokenCount(t *testing.T) {
	token := []byte(strings.Repeat("t", witnessToken))
	message := func(token string, text string) string {
		return token + "f\x00\x00\x00" + string(rune(len(text))) + text
	}
	for name, test := range map[string]struct{ sent, want string }{
		"two":                {message(string(token), "one") + message(string(token), "two"), "f\x00\x00\x00\x03onef\x00\x00\x00\x03two"},
		"a wrong token":      {message(string(token), "one") + message(strings.Repeat("x", witnessToken), "two") + message(string(token), "three"), "f\x00\x00\x00\x03one"},
		"cut off":            {message(string(token), "one") + message(string(token), "two")[:witnessHeader+1], "f\x00\x00\x00\x03one"},
		"longer than it may": {string(token) + "f\xff\xff\xff\xff" + "x", ""},
	} {
		if got := string(confirmed(strings.NewReader(test.sent), token)); got != test.want {
			t.Errorf("%s: %q", name, got)
		}
	}
}

func TestTheWitnessHearsTheCommandAlone(t *testing.T) {
	w, err := newWitness()
	if err != nil {
		t.Fatal(err)
	}
	script := `test $GOUTBENCH_WITNESS = 3 || exit 9; token=$(head -c 32 <&3); printf '%s%b%s' "$token" 'f\000\000\000\002' ok >&3; echo more >&3`
	w.token = [witnessToken]byte([]byte(strings.Repeat("k", witnessToken)))
	syscall.Read(w.theirs, make([]byte, witnessToken))
	syscall.Write(w.ours, w.token[:])
	report := startThen(shell(script), here, []string{w.variable(false)}, []uintptr{0, 1, 2, uintptr(w.theirs)}, Run{}, func() { go w.listen() })
	if got := string(w.finish()); report.Exit != 0 || got != "f\x00\x00\x00\x02ok" {
		t.Errorf("%+v %q", report, got)
	}
}
