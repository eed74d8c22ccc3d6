//go:build amd64 || arm64

package seccomp

import (
	"errors"
	"os"
	"os/exec"
	"syscall"
	"testing"
)

// TestMain lets the tests start this program again, with the filter.
func TestMain(m *testing.M) {
	if os.Getenv("FILTERED") != "" {
		if err := FilterProcess(); err != nil {
			os.Stdout.WriteString(err.Error())
			os.Exit(1)
		}
	}
	os.Exit(m.Run())
}

// again runs one test in a filtered process; it tells the caller, who is not that process, to return.
func again(t *testing.T) bool {
	if os.Getenv("FILTERED") != "" {
		return false
	}
	command := exec.Command(os.Args[0], "-test.run=^"+t.Name()+"$")
	command.Env = append(os.Environ(), "FILTERED=1")
	if output, err := command.CombinedOutput(); err != nil {
		t.Errorf("%v: %s", err, output)
	}
	return true
}

func TestSocketsOfRareKindsAreRefused(t *testing.T) {
	if again(t) {
		return
	}
	for _, test := range []struct {
		family, kind, protocol int
		want                   error
	}{
		{syscall.AF_UNIX, syscall.SOCK_STREAM, 0, nil},
		{syscall.AF_INET, syscall.SOCK_STREAM | syscall.SOCK_CLOEXEC | syscall.SOCK_NONBLOCK, syscall.IPPROTO_TCP, nil},
		{syscall.AF_INET6, syscall.SOCK_DGRAM, 0, nil},
		{syscall.AF_NETLINK, syscall.SOCK_RAW, syscall.NETLINK_ROUTE, nil},
		{syscall.AF_NETLINK, syscall.SOCK_RAW, syscall.NETLINK_NETFILTER, syscall.EPROTONOSUPPORT},
		{syscall.AF_INET, syscall.SOCK_STREAM, 132, syscall.EPROTONOSUPPORT},
		{syscall.AF_INET, syscall.SOCK_SEQPACKET, 0, syscall.ESOCKTNOSUPPORT},
		{syscall.AF_ALG, syscall.SOCK_SEQPACKET, 0, syscall.EAFNOSUPPORT},
		{40, syscall.SOCK_STREAM, 0, syscall.EAFNOSUPPORT},
	} {
		fd, err := syscall.Socket(test.family, test.kind, test.protocol)
		if !errors.Is(err, test.want) {
			t.Errorf("%+v: %v", test, err)
		}
		if err == nil {
			syscall.Close(fd)
		}
	}
}

func TestNamespacesAndListenersAreRefused(t *testing.T) {
	if again(t) {
		return
	}
	for _, flag := range []int{syscall.CLONE_NEWUSER, syscall.CLONE_NEWNS, cloneNewTime} {
		if err := syscall.Unshare(flag); err != syscall.EPERM {
			t.Errorf("%x: %v", flag, err)
		}
	}
	if err := syscall.Unshare(syscall.CLONE_FS); err != nil {
		t.Error(err)
	}
	command := exec.Command("/bin/true")
	command.SysProcAttr = &syscall.SysProcAttr{Cloneflags: syscall.CLONE_NEWUSER}
	if err := command.Run(); !errors.Is(err, syscall.EPERM) {
		t.Error(err)
	}
	if _, err := install(allow(), seccompNewListener); !errors.Is(err, syscall.EPERM) {
		t.Error(err)
	}
	if _, err := install(allow(), 0); err != nil {
		t.Error("a program may have a filter of its own:", err)
	}
}
