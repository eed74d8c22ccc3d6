package main

import (
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

func TestACommandThatDoesNotExistIsReported(t *testing.T) {
	if report := runQuietly([]string{"/nonexistent"}, here, Run{}); report.Exit != 127 {
		t.Errorf("%+v", report)
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
