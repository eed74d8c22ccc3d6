//go:build amd64 || arm64

package broker

import (
	"encoding/binary"
	"fmt"
	"os"
	"strconv"
	"strings"
	"syscall"
	"unsafe"
)

const (
	loopback        = "lo"
	familyNetlink   = 16
	socketTypes     = 0xf
	messageFastOpen = 0x20000000
	maxSockets      = 512
	maxMessage      = 1 << 20
	messageHeader   = 56
)

// socket is a descriptor of our own of a socket that a process has.
type socket struct {
	fd, family, kind int
	number           int  // of those made
	pending          bool // the caller does not have it yet
}

// socket makes a socket for the caller. Internet sockets are bound to the loopback interface, which an ordinary user cannot undo.
func (b *Broker) socket(c *call) (int, error) {
	family, kind, protocol := int(c.arguments[0]), int(c.arguments[1]), int(c.arguments[2])
	if kind&socketTypes == syscall.SOCK_DGRAM && family != familyNetlink && !b.mayHaveDatagrams() {
		return 0, syscall.EACCES
	}
	fd, err := syscall.Socket(family, kind|syscall.SOCK_CLOEXEC, protocol)
	if err != nil {
		return 0, err
	}
	if family == syscall.AF_INET || family == syscall.AF_INET6 {
		if err := syscall.BindToDevice(fd, loopback); err != nil {
			syscall.Close(fd)
			return 0, syscall.EACCES
		}
	}
	var info syscall.Stat_t
	if err := syscall.Fstat(fd, &info); err != nil {
		syscall.Close(fd)
		return 0, err
	}
	// once it is kept, another call may close it, and its number may then be that of any file of ours
	own, err := duplicate(fd)
	if err != nil {
		syscall.Close(fd)
		return 0, err
	}
	defer syscall.Close(own)
	b.keep(info.Ino, socket{fd: fd, family: family, kind: kind & socketTypes, pending: true})
	err = b.give(c, own, kind&syscall.SOCK_CLOEXEC != 0)
	b.given(info.Ino)
	return 0, err
}

// given remembers that the caller has a socket.
func (b *Broker) given(inode uint64) {
	b.mutex.Lock()
	defer b.mutex.Unlock()
	if found, kept := b.sockets[inode]; kept {
		found.pending = false
		b.sockets[inode] = found
	}
}

// mayHaveDatagrams tells whether a socket may be made that can send to any address. Not after a message that goes on in the kernel: the
// thread that sends it may not have found its descriptor yet, which could then be such a socket.
func (b *Broker) mayHaveDatagrams() bool {
	b.mutex.Lock()
	defer b.mutex.Unlock()
	b.datagrams = b.datagrams || !b.passed
	return b.datagrams
}

// keep remembers a socket, and forgets the oldest one if there are many: a program closes sockets without our knowledge.
func (b *Broker) keep(inode uint64, s socket) {
	b.mutex.Lock()
	defer b.mutex.Unlock()
	if b.sockets == nil { // nobody is left to use it
		syscall.Close(s.fd)
		return
	}
	s.number = len(b.made)
	b.made[inode] = true
	b.sockets[inode] = s
	if len(b.sockets) <= maxSockets {
		return
	}
	oldest := inode
	for other, found := range b.sockets {
		if found.number < b.sockets[oldest].number {
			oldest = other
		}
	}
	b.forget(oldest)
}

// forget closes our descriptor of a socket. Without it, the socket ends when the program closes it. It needs the lock.
func (b *Broker) forget(inode uint64) {
	if found, kept := b.sockets[inode]; kept {
		syscall.Close(found.fd)
		delete(b.sockets, inode)
	}
}

// find returns a descriptor of our own of the caller's socket, which the caller of this function closes. It is of a socket that was
// made here, whatever the number of the descriptor means by now.
func (b *Broker) find(c *call) (socket, uint64, error) {
	link, err := os.Readlink(processPath(c, fmt.Sprintf("fd/%d", int32(c.arguments[0]))))
	if err != nil {
		return socket{}, 0, syscall.EBADF
	}
	number, isSocket := strings.CutPrefix(link, "socket:[")
	inode, err := strconv.ParseUint(strings.TrimSuffix(number, "]"), 10, 64)
	if !isSocket || err != nil {
		return socket{}, 0, syscall.ENOTSOCK
	}
	b.mutex.Lock()
	defer b.mutex.Unlock()
	found, kept := b.sockets[inode]
	if !kept {
		return socket{}, inode, syscall.EISCONN
	}
	if found.fd, err = duplicate(found.fd); err != nil {
		return socket{}, inode, err
	}
	return found, inode, nil
}

func duplicate(fd int) (int, error) {
	copy, _, failed := syscall.Syscall(syscall.SYS_FCNTL, uintptr(fd), syscall.F_DUPFD_CLOEXEC, 3)
	if failed != 0 {
		return 0, failed
	}
	return int(copy), nil
}

// bind lets the kernel bind: an address of our own is no danger to others, and Landlock knows where files may be made. A datagram
// socket that the program has closed must have given back its address first.
func (b *Broker) bind(*call) (int, error) {
	b.mutex.Lock()
	defer b.mutex.Unlock()
	if !b.datagrams {
		return 0, errProceed
	}
	open := map[string]bool{}
	for pid := range Descendants() {
		folder := fmt.Sprintf("/proc/%d/fd", pid)
		entries, _ := os.ReadDir(folder)
		for _, entry := range entries {
			if link, err := os.Readlink(folder + "/" + entry.Name()); err == nil {
				open[link] = true
			}
		}
	}
	for inode, found := range b.sockets {
		if !found.pending && !open[fmt.Sprintf("socket:[%d]", inode)] {
			b.forget(inode)
		}
	}
	return 0, errProceed
}

// share sets a stream's SO_REUSEADDR, which lets a server start again. All else that lets two sockets have one address seems to work and
// has no effect: a program could get what is sent to another one of this machine.
func (b *Broker) share(c *call) (int, error) {
	found, _, err := b.find(c)
	if err != nil {
		return 0, err
	}
	defer syscall.Close(found.fd)
	if found.kind != syscall.SOCK_STREAM || uint32(c.arguments[2]) != syscall.SO_REUSEADDR {
		return 0, nil
	}
	value, err := b.read(c, c.arguments[3], 4)
	if err != nil || len(value) < 4 || uint32(c.arguments[4]) != 4 {
		return 0, syscall.EINVAL
	}
	return 0, syscall.SetsockoptInt(found.fd, syscall.SOL_SOCKET, syscall.SO_REUSEADDR, int(binary.NativeEndian.Uint32(value)))
}

func (b *Broker) listen(c *call) (int, error) {
	if found, inode, err := b.find(c); err == nil {
		syscall.Close(found.fd)
		b.mutex.Lock()
		b.forget(inode)
		b.mutex.Unlock()
	}
	return 0, errProceed
}

// connect connects our descriptor, if the other end is a socket that was made here.
func (b *Broker) connect(c *call) (int, error) {
	found, inode, err := b.find(c)
	if err != nil {
		return 0, err
	}
	defer syscall.Close(found.fd)
	address, err := b.address(c, found, c.arguments[1], c.arguments[2])
	if err != nil {
		return 0, err
	}
	defer address.close()
	_, _, failed := syscall.Syscall(syscall.SYS_CONNECT, uintptr(found.fd), uintptr(unsafe.Pointer(&address.data[0])), uintptr(len(address.data)))
	if found.kind != syscall.SOCK_DGRAM && (failed == 0 || failed == syscall.EINPROGRESS) {
		b.mutex.Lock()
		b.forget(inode)
		b.mutex.Unlock()
	}
	if failed != 0 {
		return 0, failed
	}
	return 0, nil
}

func (b *Broker) sendTo(c *call) (int, error) {
	found, _, err := b.find(c)
	if err != nil {
		return 0, err
	}
	defer syscall.Close(found.fd)
	if c.arguments[2] > maxMessage {
		return 0, syscall.EMSGSIZE
	}
	data, err := b.read(c, c.arguments[1], int(c.arguments[2]))
	if err != nil {
		return 0, err
	}
	return b.send(c, found, data, int(c.arguments[3]), c.arguments[4], c.arguments[5])
}

// sendMessage lets the kernel send, as long as there is no socket that could send to an address that we did not see.
func (b *Broker) sendMessage(c *call) (int, error) {
	if b.pass() {
		return 0, errProceed
	}
	found, _, err := b.find(c)
	if err != nil {
		return 0, syscall.EOPNOTSUPP
	}
	defer syscall.Close(found.fd)
	header, err := b.read(c, c.arguments[1], messageHeader)
	if err != nil || len(header) < messageHeader {
		return 0, syscall.EFAULT
	}
	fields := *(*[7]uint64)(unsafe.Pointer(&header[0])) // name, its length, vectors, their number, control data, its length
	if fields[5] != 0 || fields[3] > 1024 {
		return 0, syscall.EOPNOTSUPP
	}
	var data []byte
	vectors, err := b.read(c, fields[2], int(fields[3])*16)
	if err != nil {
		return 0, err
	}
	for ; len(vectors) >= 16; vectors = vectors[16:] {
		vector := *(*[2]uint64)(unsafe.Pointer(&vectors[0]))
		if vector[1] > maxMessage || len(data)+int(vector[1]) > maxMessage {
			return 0, syscall.EMSGSIZE
		}
		part, err := b.read(c, vector[0], int(vector[1]))
		if err != nil {
			return 0, err
		}
		data = append(data, part...)
	}
	return b.send(c, found, data, int(c.arguments[2]), fields[0], fields[1]&0xffffffff)
}

func (b *Broker) sendMessages(*call) (int, error) {
	if !b.pass() {
		return 0, syscall.ENOSYS // programs then send one by one
	}
	return 0, errProceed
}

// pass tells whether a message may go on in the kernel. If so, no socket that can send to any address is made any more.
func (b *Broker) pass() bool {
	b.mutex.Lock()
	defer b.mutex.Unlock()
	b.passed = b.passed || !b.datagrams
	return b.passed
}

// send sends a datagram, to the socket's peer or to an address in the caller's memory.
func (b *Broker) send(c *call, found socket, data []byte, flags int, at, length uint64) (int, error) {
	if found.kind == syscall.SOCK_STREAM || flags&messageFastOpen != 0 {
		return 0, syscall.EOPNOTSUPP
	}
	var name, size uintptr
	if at != 0 {
		address, err := b.address(c, found, at, length)
		if err != nil {
			return 0, err
		}
		defer address.close()
		name, size = uintptr(unsafe.Pointer(&address.data[0])), uintptr(len(address.data))
	}
	var first byte
	content := unsafe.Pointer(&first)
	if len(data) > 0 {
		content = unsafe.Pointer(&data[0])
	}
	flags |= syscall.MSG_NOSIGNAL
	sent, _, failed := syscall.Syscall6(syscall.SYS_SENDTO, uintptr(found.fd), uintptr(content), uintptr(len(data)), uintptr(flags), name, size)
	if failed != 0 {
		return 0, failed
	}
	return int(sent), nil
}
