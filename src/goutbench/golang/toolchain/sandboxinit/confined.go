package main

import (
	"encoding/json"
	"errors"
	"os"
	"os/signal"
	"path/filepath"
	"runtime"
	"slices"
	"strconv"
	"sync/atomic"
	"syscall"

	"goutbench/sandboxinit/broker"
	"goutbench/sandboxinit/landlock"
	"goutbench/sandboxinit/seccomp"
)

const (
	prSetChildSubreaper = 36
	socketOfEntry       = 3 // in a process that enters the sandbox: it gives us its filter's descriptor there
)

// Confinement is a sandbox without namespaces: what Landlock lets runs use, and what this process watches.
type Confinement struct {
	landlock.Access
	Temporary string `json:"temporary"` // the folder that is emptied between runs
	Disk      string `json:"disk"`      // the folder with all that they may write
	Bytes     int64  `json:"bytes"`     // and how much that may be
	Tasks     int    `json:"tasks"`     // how many threads may run
	CPU       uint64 `json:"cpu"`       // the CPU seconds of each process that is started; 0: no limit

	broker atomic.Pointer[broker.Broker] // that of the present run
}

// begin makes this process the one that inherits all orphans, and ends them with itself.
func (c *Confinement) begin() error {
	if _, _, failed := syscall.RawSyscall6(syscall.SYS_PRCTL, prSetChildSubreaper, 1, 0, 0, 0, 0); failed != 0 {
		return failed
	}
	c.broker.Store(&broker.Broker{})
	terminated := make(chan os.Signal, 1)
	signal.Notify(terminated, syscall.SIGTERM)
	go func() {
		<-terminated
		c.quit(125)
	}()
	return nil
}

// quit ends this process, and before it all others.
func (c *Confinement) quit(code int) {
	if c != nil {
		c.broker.Load().End()
	}
	os.Exit(code)
}

// enter returns the command line that runs a command inside, the descriptors that it needs, and what to do when it has started as
// a process.
func (c *Confinement) enter(command []string, files []uintptr) ([]string, []uintptr, func(pid int, done <-chan struct{}), error) {
	pair, err := syscall.Socketpair(syscall.AF_UNIX, syscall.SOCK_SEQPACKET|syscall.SOCK_CLOEXEC, 0)
	if err != nil {
		return nil, nil, nil, err
	}
	settings, err := json.Marshal(c.Access)
	if err != nil {
		return nil, nil, nil, err
	}
	own := &broker.Broker{Writable: c.Writable, Tasks: c.Tasks}
	c.broker.Store(own)
	started := func(pid int, done <-chan struct{}) {
		syscall.Close(pair[1])
		go serve(own, pair[0])
		go c.watchDisk(pid, done)
	}
	argv := append([]string{"/proc/self/exe", "enter", string(settings), strconv.FormatUint(c.CPU, 10)}, command...)
	return argv, slices.Insert(slices.Clone(files), socketOfEntry, uintptr(pair[1])), started, nil
}

// serve decides about what a run asks for, until it ends.
func serve(decides *broker.Broker, socket int) {
	message, rights := make([]byte, 1), make([]byte, syscall.CmsgSpace(4))
	for {
		_, extra, _, _, err := syscall.Recvmsg(socket, message, rights, syscall.MSG_CMSG_CLOEXEC)
		if err == syscall.EINTR {
			continue
		}
		syscall.Close(socket)
		if err != nil {
			return
		}
		if fds, err := received(rights[:extra]); err == nil {
			decides.Serve(fds[0])
		}
		return
	}
}

// enterSandbox becomes the command. The parent gets the descriptor of its filter, and decides about some of its calls.
// The CPU time is limited here, because its parent, which copies the sources for each run and decides
// about calls, must have the time of all runs.
func enterSandbox(settings, cpu string, command []string) {
	access := landlock.Access{}
	if err := json.Unmarshal([]byte(settings), &access); err != nil {
		fail(err)
	}
	if err := limitCPU(cpu); err != nil {
		fail(err)
	}
	os.WriteFile("/proc/self/oom_score_adj", []byte("1000"), 0) // rather it than its parent
	syscall.CloseOnExec(socketOfEntry)
	if err := access.Restrict(); err != nil {
		fail(err)
	}
	// another thread sends, because this one must wait for decisions as soon as it has the filter
	listener, sent := make(chan int), make(chan error)
	go func() {
		runtime.LockOSThread()
		listener <- 0
		sent <- syscall.Sendmsg(socketOfEntry, []byte{0}, syscall.UnixRights(<-listener), nil, 0)
	}()
	<-listener
	fd, err := seccomp.Listen(access.Version() < landlock.SignalVersion)
	if err != nil {
		fail(err)
	}
	syscall.CloseOnExec(fd)
	listener <- fd
	if err := <-sent; err != nil {
		fail(err)
	}
	fail(syscall.Exec(command[0], command, os.Environ()))
}

// limitCPU limits the CPU time of this process and of those that it starts, where none is lower already.
func limitCPU(text string) error {
	seconds, err := strconv.ParseUint(text, 10, 64)
	if err != nil || seconds == 0 {
		return err
	}
	limit := syscall.Rlimit{}
	if err := syscall.Getrlimit(syscall.RLIMIT_CPU, &limit); err != nil {
		return err
	}
	seconds = min(seconds, limit.Max)
	return syscall.Setrlimit(syscall.RLIMIT_CPU, &syscall.Rlimit{Cur: seconds, Max: seconds})
}

// enterAlone becomes a command of our own that needs no decision.
func enterAlone(settings string, command []string) {
	access := landlock.Access{}
	err := json.Unmarshal([]byte(settings), &access)
	if err == nil {
		err = access.Restrict()
	}
	if err == nil {
		err = seccomp.FilterWithoutBroker()
	}
	if err != nil {
		fail(err)
	}
	fail(syscall.Exec(command[0], command, os.Environ()))
}

// removeLeftovers empties the folder for temporary files.
func (c *Confinement) removeLeftovers() error {
	home := filepath.Join(c.Temporary, "home")
	err := errors.Join(os.Chmod(c.Temporary, 0o777|os.ModeSticky), empty(c.Temporary, []string{home + "/."}))
	if made := os.Mkdir(home, 0o755); made != nil && !os.IsExist(made) {
		err = errors.Join(err, made)
	}
	return err
}

// runFiltered becomes the command, which then lacks some system calls.
func runFiltered(command []string) {
	if err := seccomp.FilterProcess(); err != nil {
		fail(err)
	}
	fail(syscall.Exec(command[0], command, os.Environ()))
}
