// Package container gives the first process of a container what a container engine cannot pass on: descriptors, and a line to
// the process that started it.
//
// Outside, Start starts the container by a client of the engine, and waits at a socket that is mounted into the container. Inside,
// Enter connects to it, receives a command with its environment and descriptors, and becomes that command. The first connection
// is the only one, and it is made before anything else runs inside, so that no test can make one. When either side ends, the
// other one notices: the engine's own processes need not be alive for that.
package container

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"sync/atomic"
	"syscall"
)

const (
	longest = 1 << 18 // bytes of a message; the arguments in it have at most 128 KiB
	most    = 32      // descriptors
	socket  = "socket"
)

// Settings say how to start a container.
type Settings struct {
	Client      []string `json:"client"`      // the command that starts it and waits for its end
	Environment []string `json:"environment"` // that of the client
	Folder      string   `json:"folder"`      // a folder to make: the file "socket" in it is mounted into the container
	User        int      `json:"user"`        // the host's user id of the first process
	Variables   []string `json:"variables"`   // the environment inside
	Line        int      `json:"line"`        // the descriptor of the line inside
}

// message is what the first process becomes. The descriptors that come with it get the numbers of Files.
type message struct {
	Command   []string
	Variables []string
	Files     []int
	Line      int
}

// Start runs a command as the first process of a container, with all descriptors that this process has inherited. It returns 0
// when the container has ended, 1 if a process of it was killed because the memory was exhausted, and 125 if it did not start.
func Start(text string, command []string) int {
	var settings Settings
	if err := json.Unmarshal([]byte(text), &settings); err != nil {
		return failed(err)
	}
	// with this process the line ends, and with the line the container
	syscall.RawSyscall(syscall.SYS_PRCTL, syscall.PR_SET_PDEATHSIG, uintptr(syscall.SIGKILL), 0)
	files, err := inherited()
	if err != nil {
		return failed(err)
	}
	listener, err := listen(settings)
	defer remove(settings.Folder)
	if err != nil {
		return failed(err)
	}
	client, messages, err := start(settings)
	if err != nil {
		return failed(err)
	}
	ended, connected := make(chan error, 1), make(chan int, 1)
	go func() { ended <- client.Wait() }()
	go func() { connected <- accept(listener, settings.User) }()
	select {
	case <-ended: // the first process waits for us, so there is none
		messages.Seek(0, io.SeekStart)
		io.Copy(os.Stderr, messages)
		return 125
	case line := <-connected:
		remove(settings.Folder)
		peer, err := syscall.GetsockoptUcred(line, syscall.SOL_SOCKET, syscall.SO_PEERCRED)
		if err != nil {
			return failed(err)
		}
		counters := memoryCounters(int(peer.Pid))
		if err := send(line, message{command, settings.Variables, files, settings.Line}); err != nil {
			return failed(err)
		}
		for _, file := range files {
			syscall.Close(file)
		}
		drain(line)
		exceeded := anyKilled(counters)
		syscall.Close(line)
		<-ended
		if exceeded {
			return 1
		}
		return 0
	}
}

// remove removes the socket and its folder; the container keeps what is mounted.
func remove(folder string) {
	os.Remove(filepath.Join(folder, socket))
	os.Remove(folder)
}

func failed(err error) int {
	fmt.Fprintln(os.Stderr, "sandboxinit:", err)
	return 125
}

// inherited returns the descriptors that this process was started with, and keeps them from the client: those of the Go runtime
// are closed by exec.
func inherited() ([]int, error) {
	entries, err := os.ReadDir("/proc/self/fd")
	var files []int
	for _, entry := range entries {
		fd, _ := strconv.Atoi(entry.Name())
		flags, _, failure := syscall.Syscall(syscall.SYS_FCNTL, uintptr(fd), syscall.F_GETFD, 0)
		if failure == 0 && flags&syscall.FD_CLOEXEC == 0 {
			files = append(files, fd)
			if fd > 2 {
				syscall.CloseOnExec(fd)
			}
		}
	}
	if len(files) > most {
		err = errors.Join(err, fmt.Errorf("%d descriptors are too many", len(files)))
	}
	return files, err
}

// listen makes the folder and the socket, to which only that user may connect.
func listen(settings Settings) (int, error) {
	if err := os.Mkdir(settings.Folder, 0o711); err != nil {
		return 0, err
	}
	// the path may be longer than the address of a socket may be
	if err := os.Chdir(settings.Folder); err != nil {
		return 0, err
	}
	listener, err := syscall.Socket(syscall.AF_UNIX, syscall.SOCK_SEQPACKET|syscall.SOCK_CLOEXEC, 0)
	if err != nil {
		return 0, err
	}
	mask := syscall.Umask(0o177)
	err = syscall.Bind(listener, &syscall.SockaddrUnix{Name: socket})
	syscall.Umask(mask)
	if err == nil && os.Geteuid() == 0 {
		err = os.Chown(socket, settings.User, settings.User)
	}
	return listener, errors.Join(err, syscall.Listen(listener, 1), os.Chdir("/"))
}

// start starts the client. What it and the container print before the command has our descriptors goes to a file without a name:
// a pipe would stay open as long as some process of the engine has it.
func start(settings Settings) (*exec.Cmd, *os.File, error) {
	path := filepath.Join(settings.Folder, "messages")
	messages, err := os.OpenFile(path, os.O_RDWR|os.O_CREATE|os.O_EXCL, 0o600)
	if err != nil {
		return nil, nil, err
	}
	client := exec.Command(settings.Client[0], settings.Client[1:]...)
	client.Env, client.Dir, client.Stderr = settings.Environment, "/", messages
	return client, messages, errors.Join(os.Remove(path), client.Start())
}

// accept returns the first connection by a user, and lets nobody else connect.
func accept(listener, user int) int {
	for {
		line, _, err := syscall.Accept4(listener, syscall.SOCK_CLOEXEC)
		if err != nil {
			continue // it was interrupted, or the other side has gone
		}
		if peer, err := syscall.GetsockoptUcred(line, syscall.SOL_SOCKET, syscall.SO_PEERCRED); err == nil && int(peer.Uid) == user {
			syscall.Close(listener)
			return line
		}
		syscall.Close(line)
	}
}

func send(line int, content message) error {
	text, err := json.Marshal(content)
	if err != nil {
		return err
	}
	return syscall.Sendmsg(line, text, syscall.UnixRights(content.Files...), nil, 0)
}

// drain reads until the other side has closed the line, or says nothing more.
func drain(line int) {
	buffer := make([]byte, 1<<12)
	for {
		if n, err := syscall.Read(line, buffer); n <= 0 && err != syscall.EINTR {
			return
		}
	}
}

// Enter becomes the command that the process outside sends.
func Enter(path string) error {
	syscall.Mkdir("/tmp/home", 0o755)
	line, err := syscall.Socket(syscall.AF_UNIX, syscall.SOCK_SEQPACKET|syscall.SOCK_CLOEXEC, 0)
	if err != nil {
		return err
	}
	if err := syscall.Connect(line, &syscall.SockaddrUnix{Name: path}); err != nil {
		if err == syscall.EACCES {
			return fmt.Errorf("cannot connect to goutbench (are user ids mapped?): %w", err)
		}
		return fmt.Errorf("goutbench has ended: %w", err)
	}
	text, rights := make([]byte, longest), make([]byte, syscall.CmsgSpace(4*most))
	n, extra, _, _, err := syscall.Recvmsg(line, text, rights, syscall.MSG_CMSG_CLOEXEC)
	if err != nil {
		return err
	}
	var content message
	if err := json.Unmarshal(text[:n], &content); err != nil {
		return err
	}
	control, err := syscall.ParseSocketControlMessage(rights[:extra])
	if err != nil || len(control) != 1 {
		return errors.Join(err, errors.New("the message has no descriptors"))
	}
	received, err := syscall.ParseUnixRights(&control[0])
	if err != nil || len(received) != len(content.Files) {
		return errors.Join(err, errors.New("descriptors were lost"))
	}
	if err := renumber(append(received, line), append(content.Files, content.Line)); err != nil {
		return err
	}
	return syscall.Exec(content.Command[0], content.Command, content.Variables)
}

// renumber gives descriptors their numbers, first some above all of these.
func renumber(files, numbers []int) error {
	above := 0
	for _, number := range numbers {
		above = max(above, number+1)
	}
	for i, file := range files {
		moved, _, failure := syscall.Syscall(syscall.SYS_FCNTL, uintptr(file), syscall.F_DUPFD_CLOEXEC, uintptr(above))
		if failure != 0 {
			return failure
		}
		files[i] = int(moved)
	}
	for i, file := range files {
		if err := syscall.Dup3(file, numbers[i], 0); err != nil {
			return err
		}
	}
	return nil
}

// Line is the connection of the first process with the one outside.
type Line struct {
	fd      int
	leaving atomic.Bool
	closed  chan struct{}
}

// Watch ends this process, and with it the container, when the process outside ends.
func Watch(fd int) *Line {
	syscall.CloseOnExec(fd)
	line := &Line{fd: fd, closed: make(chan struct{})}
	go func() {
		drain(fd)
		if !line.leaving.Load() {
			os.Exit(125)
		}
		close(line.closed)
	}()
	return line
}

// Leave waits until the process outside has read the counters of the container's memory, which end with it.
func (l *Line) Leave() {
	if l != nil {
		l.leaving.Store(true)
		syscall.Shutdown(l.fd, syscall.SHUT_WR)
		<-l.closed
	}
}
