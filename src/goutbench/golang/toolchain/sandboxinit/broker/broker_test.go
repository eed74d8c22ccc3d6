//go:build amd64 || arm64

package broker

import (
	"net"
	"net/netip"
	"os"
	"os/exec"
	"syscall"
	"testing"
)

func TestDescendantsAreFoundAndEnded(t *testing.T) {
	if _, _, failed := syscall.RawSyscall6(syscall.SYS_PRCTL, 36, 1, 0, 0, 0, 0); failed != 0 {
		t.Fatal(failed)
	}
	command := exec.Command("/bin/sh", "-c", "setsid sleep 60 & sleep 60 & echo started; wait")
	output, _ := command.StdoutPipe()
	if err := command.Start(); err != nil {
		t.Fatal(err)
	}
	output.Read(make([]byte, 8))
	if found := Descendants(); len(found) < 3 {
		t.Errorf("found %v", found)
	}
	b := &Broker{Tasks: 100}
	b.End()
	if found := Descendants(); len(found) != 0 {
		t.Errorf("left: %v", found)
	}
	if _, err := b.start(nil); err != syscall.EAGAIN {
		t.Errorf("a thread may start: %v", err)
	}
}

func TestThreadsAreCounted(t *testing.T) {
	b := &Broker{Tasks: 2}
	for want, tries := errProceed, 0; tries < 2; tries++ {
		if _, err := b.start(nil); err != want {
			t.Error(err)
		}
	}
	if _, err := b.start(nil); err != errProceed {
		t.Error("threads that have ended count:", err)
	}
}

func TestOnlySocketsThatWereMadeHereCanBeReached(t *testing.T) {
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer listener.Close()
	port := uint16(listener.Addr().(*net.TCPAddr).Port)
	file, err := listener.(*net.TCPListener).File()
	if err != nil {
		t.Fatal(err)
	}
	var info syscall.Stat_t
	if err := syscall.Fstat(int(file.Fd()), &info); err != nil {
		t.Fatal(err)
	}
	b, stream := &Broker{made: map[uint64]bool{}}, socket{kind: syscall.SOCK_STREAM}
	here := netip.MustParseAddr("127.0.0.1")
	if err := b.checkInternet(stream, here, port); err != syscall.ECONNREFUSED {
		t.Error("reached another one's listener:", err)
	}
	b.made[info.Ino] = true
	if err := b.checkInternet(stream, here, port); err != nil {
		t.Error("our own listener:", err)
	}
	if err := b.checkInternet(stream, netip.MustParseAddr("192.0.2.1"), port); err != syscall.ENETUNREACH {
		t.Error("the world:", err)
	}
}

func TestFilesAreJudgedByWhereTheyAre(t *testing.T) {
	folder := t.TempDir()
	b := &Broker{Writable: []string{folder + "/own"}}
	os.Mkdir(folder+"/own", 0o755)
	os.Mkdir(folder+"/own-not", 0o755)
	os.Symlink("../own-not", folder+"/own/link")
	for path, want := range map[string]bool{"/own": true, "/own/link": false, "/own-not": false} {
		fd, err := syscall.Open(folder+path, oPath, 0)
		if err != nil {
			t.Fatal(err)
		}
		if got := b.isWritable(fd); got != want {
			t.Errorf("%s: %v", path, got)
		}
		syscall.Close(fd)
	}
}

func TestASocketThatTheCallerDoesNotHaveYetIsKept(t *testing.T) {
	b := &Broker{sockets: map[uint64]socket{}, made: map[uint64]bool{}, datagrams: true}
	for inode, pending := range map[uint64]bool{1: true, 2: false} {
		fd, err := syscall.Socket(syscall.AF_UNIX, syscall.SOCK_STREAM|syscall.SOCK_CLOEXEC, 0)
		if err != nil {
			t.Fatal(err)
		}
		b.keep(inode, socket{fd: fd, pending: pending})
	}
	b.bind(nil)
	if _, kept := b.sockets[1]; !kept || len(b.sockets) != 1 {
		t.Error(b.sockets)
	}
	b.given(1)
	b.bind(nil)
	if len(b.sockets) != 0 {
		t.Error(b.sockets)
	}
}
