//go:build amd64 || arm64

// Package broker decides about system calls of other processes, which wait for its answer.
//
// What a call names in memory can change after the broker has read it. So the broker makes such calls itself, with its own copy
// of what it read, and on descriptors of its own. Only calls that are harmless whatever their arguments are go on in the kernel.
package broker

import (
	"errors"
	"os"
	"sync"
	"syscall"
	"unsafe"
)

const (
	ioctlReceive = 0xc0502100
	ioctlSend    = 0xc0182101
	ioctlValid   = 0x40082102
	ioctlAdd     = 0x40182103

	flagContinue = 1
	flagAddSend  = 2

	pollIn = 1
)

// call is a struct seccomp_notif.
type call struct {
	id           uint64
	thread       uint32
	flags        uint32
	number       int32
	architecture uint32
	instruction  uint64
	arguments    [6]uint64
}

// answer is a struct seccomp_notif_resp.
type answer struct {
	id    uint64
	value int64
	errno int32
	flags uint32
}

// newFile is a struct seccomp_notif_addfd.
type newFile struct {
	id                    uint64
	flags, file, to, open uint32
}

// Broker answers for the processes that descend from this one.
type Broker struct {
	Writable []string // real paths of what they may write
	Tasks    int      // how many threads they may have together

	mutex     sync.Mutex
	listener  int
	sockets   map[uint64]socket // those whose address may still be chosen, by inode
	made      map[uint64]bool   // the inodes of all sockets that were made here
	datagrams bool              // whether a socket was made that can send to any address
	passed    bool              // whether the kernel sends a message by a descriptor that we did not look at
	tasks     int               // an upper bound of the number of threads
	ended     bool              // no thread may start any more
}

// Serve answers until no process is left that the listener's filter is on.
func (b *Broker) Serve(listener int) {
	b.mutex.Lock()
	b.listener, b.sockets, b.made = listener, map[uint64]socket{}, map[uint64]bool{}
	b.datagrams, b.passed, b.tasks, b.ended = false, false, 0, false
	b.mutex.Unlock()
	for {
		request := [2]uint32{uint32(listener), pollIn} // struct pollfd
		_, _, failed := syscall.Syscall6(syscall.SYS_PPOLL, uintptr(unsafe.Pointer(&request)), 1, 0, 0, 0, 0)
		if failed == syscall.EINTR {
			continue
		}
		if failed != 0 || (request[1]>>16)&pollIn == 0 {
			break
		}
		c := &call{}
		if control(listener, ioctlReceive, unsafe.Pointer(c)) == nil {
			go b.answer(listener, c)
		}
	}
	b.mutex.Lock()
	for _, socket := range b.sockets {
		syscall.Close(socket.fd)
	}
	b.sockets = nil
	b.mutex.Unlock()
	syscall.Close(listener)
}

// errProceed lets the kernel make the call; errSent says that it was answered already.
var errProceed, errSent = errors.New("proceed"), errors.New("sent")

func (b *Broker) answer(listener int, c *call) {
	err := error(syscall.ENOSYS)
	value := 0
	if handle, known := handlers[uintptr(c.number)]; known {
		value, err = handle(b, c)
	}
	reply := answer{id: c.id, value: int64(value)}
	var errno syscall.Errno
	switch {
	case err == errSent:
		return
	case err == errProceed:
		reply.flags = flagContinue
	case errors.As(err, &errno):
		reply.errno, reply.value = -int32(errno), 0
	case err != nil:
		reply.errno, reply.value = -int32(syscall.EPERM), 0
	}
	control(listener, ioctlSend, unsafe.Pointer(&reply))
}

// valid tells whether the caller still waits: only then the number of its thread is still its own.
func (b *Broker) valid(c *call) bool {
	return control(b.listener, ioctlValid, unsafe.Pointer(&c.id)) == nil
}

// give puts a file into the caller's table, as the result of its call.
func (b *Broker) give(c *call, file int, closeOnExec bool) error {
	request := newFile{id: c.id, flags: flagAddSend, file: uint32(file)}
	if closeOnExec {
		request.open = syscall.O_CLOEXEC
	}
	if err := control(b.listener, ioctlAdd, unsafe.Pointer(&request)); err != nil {
		return err
	}
	return errSent
}

func control(fd int, request uintptr, argument unsafe.Pointer) error {
	for {
		_, _, failed := syscall.Syscall(syscall.SYS_IOCTL, uintptr(fd), request, uintptr(argument))
		if failed == 0 {
			return nil
		}
		if failed != syscall.EINTR {
			return failed
		}
	}
}

type handler func(*Broker, *call) (int, error)

var handlers map[uintptr]handler

func init() {
	handlers = map[uintptr]handler{
		syscall.SYS_CLONE:              (*Broker).start,
		syscall.SYS_SOCKET:             (*Broker).socket,
		syscall.SYS_BIND:               (*Broker).bind,
		syscall.SYS_LISTEN:             (*Broker).listen,
		syscall.SYS_SETSOCKOPT:         (*Broker).share,
		syscall.SYS_CONNECT:            (*Broker).connect,
		syscall.SYS_SENDTO:             (*Broker).sendTo,
		syscall.SYS_SENDMSG:            (*Broker).sendMessage,
		sysSendmmsg:                    (*Broker).sendMessages,
		syscall.SYS_FCHMOD:             mode(0, -1, 1),
		syscall.SYS_FCHMODAT:           mode(0, 1, 2),
		sysFchmodat2:                   mode(0, 1, 2),
		syscall.SYS_FCHOWN:             owner(0, -1, 1, -1),
		syscall.SYS_FCHOWNAT:           owner(0, 1, 2, 4),
		syscall.SYS_UTIMENSAT:          (*Broker).times,
		syscall.SYS_SETPRIORITY:        ofThread(1),
		syscall.SYS_IOPRIO_SET:         ofThread(1),
		syscall.SYS_SCHED_SETAFFINITY:  ofThread(0),
		syscall.SYS_SCHED_SETSCHEDULER: ofThread(0),
		syscall.SYS_SCHED_SETPARAM:     ofThread(0),
		sysSchedSetattr:                ofThread(0),
		syscall.SYS_TKILL:              ofThread(0),
		syscall.SYS_TGKILL:             ofThread(1),
		syscall.SYS_KILL:               (*Broker).kill,
	}
	for number, handle := range oldHandlers {
		handlers[number] = handle
	}
}

// read returns memory of the caller.
func (b *Broker) read(c *call, at uint64, length int) ([]byte, error) {
	memory, err := os.Open(processPath(c, "mem"))
	if err != nil {
		return nil, syscall.EPERM // it hides its memory
	}
	defer memory.Close()
	data := make([]byte, length)
	n, err := memory.ReadAt(data, int64(at))
	if n == 0 && length > 0 && err != nil {
		return nil, syscall.EFAULT
	}
	if !b.valid(c) {
		return nil, syscall.ESRCH
	}
	return data[:n], nil
}
