package container

import (
	"os"
	"path/filepath"
	"syscall"
	"testing"
)

func TestExhaustedMemoryIsSeenInBothVersionsOfCgroups(t *testing.T) {
	for text, want := range map[string]bool{
		"low 0\noom 1\noom_kill 1\n":                     true,
		"low 0\noom 1\noom_kill 0\n":                     false,
		"oom_kill_disable 0\nunder_oom 0\noom_kill 12\n": true,
		"oom_kill_disable 0\nunder_oom 0\noom_kill 0\n":  false,
		"": false,
	} {
		file := filepath.Join(t.TempDir(), "counters")
		if err := os.WriteFile(file, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
		if got := anyKilled([]string{file, file + ".missing"}); got != want {
			t.Errorf("%q: %v", text, got)
		}
	}
}

func TestDescriptorsMayExchangeTheirNumbers(t *testing.T) {
	var numbers [2]int
	contents := []string{"first", "second"}
	for i, content := range contents {
		file, err := os.Create(filepath.Join(t.TempDir(), content))
		if err != nil {
			t.Fatal(err)
		}
		defer file.Close()
		file.WriteString(content)
		if numbers[i], err = syscall.Dup(int(file.Fd())); err != nil {
			t.Fatal(err)
		}
		defer syscall.Close(numbers[i])
	}
	if err := renumber([]int{numbers[0], numbers[1]}, []int{numbers[1], numbers[0]}); err != nil {
		t.Fatal(err)
	}
	for i, content := range contents {
		buffer := make([]byte, len(content))
		n, err := syscall.Pread(numbers[1-i], buffer, 0)
		if err != nil || string(buffer[:n]) != content {
			t.Fatalf("%d %v instead of %q", n, err, content)
		}
	}
}

func TestAMessageBringsTheCommandAndItsDescriptors(t *testing.T) {
	pair, err := syscall.Socketpair(syscall.AF_UNIX, syscall.SOCK_SEQPACKET|syscall.SOCK_CLOEXEC, 0)
	if err != nil {
		t.Fatal(err)
	}
	defer syscall.Close(pair[1])
	if err := send(pair[0], message{Command: []string{"a", "b c"}, Files: []int{0, 1, 2}, Line: 7}); err != nil {
		t.Fatal(err)
	}
	syscall.Close(pair[0])
	text, rights := make([]byte, longest), make([]byte, syscall.CmsgSpace(4*most))
	n, extra, _, _, err := syscall.Recvmsg(pair[1], text, rights, syscall.MSG_CMSG_CLOEXEC)
	want := `{"Command":["a","b c"],"Variables":null,"Files":[0,1,2],"Line":7}`
	if err != nil || string(text[:n]) != want {
		t.Errorf("%s %v", text[:n], err)
	}
	control, err := syscall.ParseSocketControlMessage(rights[:extra])
	if err != nil || len(control) != 1 {
		t.Fatal(control, err)
	}
	received, err := syscall.ParseUnixRights(&control[0])
	if err != nil || len(received) != 3 {
		t.Error(received, err)
	}
	for _, fd := range received {
		syscall.Close(fd)
	}
}
