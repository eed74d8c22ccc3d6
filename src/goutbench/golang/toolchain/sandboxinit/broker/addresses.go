//go:build amd64 || arm64

package broker

import (
	"bufio"
	"bytes"
	"encoding/binary"
	"errors"
	"fmt"
	"net/netip"
	"os"
	"strconv"
	"strings"
	"syscall"
)

const (
	maxAddress     = 128
	tcpListening   = "0A"
	unixListening  = 0x10000
	unixDatagram   = 2
	unixPathOffset = 2
)

// address is a socket address that nobody else can change, and the file that it may name.
type address struct {
	data []byte
	file int
}

func (a address) close() {
	if a.file > 0 {
		syscall.Close(a.file)
	}
}

// address reads an address from the caller's memory, and returns it if what is there belongs to the caller's processes. The errors
// are those of a machine where nothing else is.
func (b *Broker) address(c *call, from socket, at, length uint64) (address, error) {
	if length < unixPathOffset || length > maxAddress {
		return address{}, syscall.EINVAL
	}
	data, err := b.read(c, at, int(length))
	if err != nil || len(data) < int(length) {
		return address{}, syscall.EFAULT
	}
	family := int(binary.NativeEndian.Uint16(data))
	switch {
	case family == syscall.AF_UNSPEC:
		return address{data: data}, nil // ends a connection
	case family != from.family && !(family == syscall.AF_INET && from.family == syscall.AF_INET6):
		return address{}, syscall.EAFNOSUPPORT
	case family == syscall.AF_INET && len(data) >= 8:
		ip, _ := netip.AddrFromSlice(data[4:8])
		return address{data: data}, b.checkInternet(from, ip, binary.BigEndian.Uint16(data[2:]))
	case family == syscall.AF_INET6 && len(data) >= 24:
		ip, _ := netip.AddrFromSlice(data[8:24])
		return address{data: data}, b.checkInternet(from, ip.Unmap(), binary.BigEndian.Uint16(data[2:]))
	case family == familyNetlink && len(data) >= 12 && binary.NativeEndian.Uint32(data[4:]) == 0:
		return address{data: data}, nil // to the kernel
	case family == syscall.AF_UNIX && len(data) > unixPathOffset && data[unixPathOffset] == 0:
		return address{data: data}, b.checkAbstract(data[unixPathOffset:])
	case family == syscall.AF_UNIX && len(data) > unixPathOffset:
		return b.addressOfFile(c, data[unixPathOffset:])
	}
	return address{}, syscall.EINVAL
}

// checkInternet tells whether only sockets that were made here are at a port of the loopback interface.
func (b *Broker) checkInternet(from socket, ip netip.Addr, port uint16) error {
	if !ip.IsLoopback() && !ip.IsUnspecified() {
		return syscall.ENETUNREACH
	}
	suffix := fmt.Sprintf(":%04X", port)
	tables, matches := "udp", func(fields []string) bool { return strings.HasSuffix(fields[1], suffix) }
	if from.kind != syscall.SOCK_DGRAM {
		tables, matches = "tcp", func(fields []string) bool { return fields[3] == tcpListening && strings.HasSuffix(fields[1], suffix) }
	}
	owners := 0
	for _, table := range []string{tables, tables + "6"} {
		inodes, err := socketsIn(table, 9, func(fields []string, _ string) bool { return matches(fields) })
		if err != nil || !b.areOurs(inodes) {
			return syscall.ECONNREFUSED
		}
		owners += len(inodes)
	}
	if owners == 0 && from.kind != syscall.SOCK_DGRAM {
		return syscall.ECONNREFUSED
	}
	return nil
}

// checkAbstract tells whether only sockets that were made here have a name that is no file. The name begins with a zero.
func (b *Broker) checkAbstract(name []byte) error {
	suffix := " " + string(bytes.ReplaceAll(name, []byte{0}, []byte{'@'})) // as the table shows it
	inodes, err := socketsIn("unix", 6, func(fields []string, line string) bool {
		flags, _ := strconv.ParseUint(fields[3], 16, 64)
		kind, _ := strconv.ParseUint(fields[4], 16, 64)
		return strings.HasSuffix(line, suffix) && (flags&unixListening != 0 || kind == unixDatagram)
	})
	if err != nil || len(inodes) == 0 || !b.areOurs(inodes) {
		return syscall.ECONNREFUSED
	}
	return nil
}

// addressOfFile opens the file that is a socket, if it is where the caller may write, and returns the address of what it opened.
func (b *Broker) addressOfFile(c *call, path []byte) (address, error) {
	name, _, _ := bytes.Cut(path, []byte{0})
	fd, err := b.open(c, atFdcwd, string(name), false)
	if err != nil {
		return address{}, err
	}
	if !b.isWritable(fd) {
		syscall.Close(fd)
		return address{}, syscall.ENOENT
	}
	data := binary.NativeEndian.AppendUint16(nil, syscall.AF_UNIX)
	return address{append(append(data, DescriptorPath(fd)...), 0), fd}, nil
}

func (b *Broker) areOurs(inodes []uint64) bool {
	b.mutex.Lock()
	defer b.mutex.Unlock()
	for _, inode := range inodes {
		if !b.made[inode] {
			return false
		}
	}
	return true
}

// socketsIn returns the inodes of those sockets in a table of the kernel that match.
func socketsIn(table string, inode int, matches func(fields []string, line string) bool) ([]uint64, error) {
	file, err := os.Open("/proc/net/" + table)
	if errors.Is(err, os.ErrNotExist) {
		return nil, nil // there is no IPv6
	}
	if err != nil {
		return nil, err
	}
	defer file.Close()
	var inodes []uint64
	lines := bufio.NewScanner(file)
	lines.Scan() // the header
	for lines.Scan() {
		fields := strings.Fields(lines.Text())
		if len(fields) > inode && matches(fields, lines.Text()) {
			number, err := strconv.ParseUint(fields[inode], 10, 64)
			if err != nil {
				return nil, err
			}
			inodes = append(inodes, number)
		}
	}
	return inodes, lines.Err()
}
