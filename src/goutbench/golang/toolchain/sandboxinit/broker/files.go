//go:build amd64 || arm64

package broker

import (
	"bytes"
	"fmt"
	"os"
	"strings"
	"syscall"
	"unsafe"
)

const (
	atFdcwd     = -0x64
	atNoFollow  = 0x100
	atEmptyPath = 0x1000
	oPath       = 0x200000
	maxPath     = 4096
)

func processPath(c *call, name string) string { return fmt.Sprintf("/proc/%d/%s", c.thread, name) }

// mode, owner and ownerOfLink handle calls whose arguments have these positions; -1 for none.
func mode(folder, path, mode int) handler {
	return func(b *Broker, c *call) (int, error) {
		return b.change(c, folder, path, 0, func(fd int) error {
			return syscall.Chmod(DescriptorPath(fd), uint32(c.arguments[mode])&0o7777)
		})
	}
}

func owner(folder, path, user, flags int) handler {
	return func(b *Broker, c *call) (int, error) {
		set := 0
		if flags >= 0 {
			set = int(c.arguments[flags])
		}
		return b.change(c, folder, path, set, func(fd int) error {
			return syscall.Fchownat(fd, "", int(int32(c.arguments[user])), int(int32(c.arguments[user+1])), atEmptyPath)
		})
	}
}

func ownerOfLink(path, user int) handler {
	return func(b *Broker, c *call) (int, error) {
		return b.change(c, -1, path, atNoFollow, func(fd int) error {
			return syscall.Fchownat(fd, "", int(int32(c.arguments[user])), int(int32(c.arguments[user+1])), atEmptyPath)
		})
	}
}

// times handles utimensat, whose path may be missing: it then means the descriptor.
func (b *Broker) times(c *call) (int, error) {
	var times [4]int64
	at := uintptr(0)
	if c.arguments[2] != 0 {
		data, err := b.read(c, c.arguments[2], len(times)*8)
		if err != nil || len(data) < len(times)*8 {
			return 0, syscall.EFAULT
		}
		times = *(*[4]int64)(unsafe.Pointer(&data[0]))
		at = uintptr(unsafe.Pointer(&times))
	}
	path := 1
	if c.arguments[1] == 0 {
		path = -1
	}
	return b.change(c, 0, path, int(c.arguments[3]), func(fd int) error {
		empty := byte(0)
		_, _, failed := syscall.Syscall6(syscall.SYS_UTIMENSAT, uintptr(fd), uintptr(unsafe.Pointer(&empty)), at, atEmptyPath, 0, 0)
		if failed == syscall.EINVAL || failed == syscall.ENOENT { // before Linux 5.8
			name, _ := syscall.BytePtrFromString(DescriptorPath(fd))
			here := atFdcwd
			_, _, failed = syscall.Syscall6(syscall.SYS_UTIMENSAT, uintptr(here), uintptr(unsafe.Pointer(name)), at, 0, 0, 0)
		}
		if failed != 0 {
			return failed
		}
		return nil
	})
}

// change does something with a file that the caller names, if the caller may write it.
func (b *Broker) change(c *call, folder, path, flags int, action func(fd int) error) (int, error) {
	directory, name := atFdcwd, ""
	if folder >= 0 {
		directory = int(int32(c.arguments[folder]))
	}
	if path >= 0 {
		var err error
		if name, err = b.readPath(c, c.arguments[path]); err != nil {
			return 0, err
		}
		if name == "" && flags&atEmptyPath == 0 {
			return 0, syscall.ENOENT
		}
	}
	fd, err := b.open(c, directory, name, flags&atNoFollow != 0)
	if err != nil {
		return 0, err
	}
	defer syscall.Close(fd)
	if !b.isWritable(fd) {
		return 0, syscall.EPERM
	}
	return 0, action(fd)
}

// open finds a file as the caller would; without a name, the descriptor itself.
func (b *Broker) open(c *call, directory int, name string, link bool) (int, error) {
	flags := oPath | syscall.O_CLOEXEC
	if link {
		flags |= syscall.O_NOFOLLOW
	}
	if rest, own := strings.CutPrefix(name, "/proc/self/"); own {
		name = processPath(c, rest)
	}
	base := processPath(c, fmt.Sprintf("fd/%d", directory))
	if directory == atFdcwd {
		base = processPath(c, "cwd")
	}
	var fd int
	var err error
	switch {
	case name == "":
		fd, err = syscall.Open(base, oPath|syscall.O_CLOEXEC, 0)
	case name[0] == '/':
		fd, err = syscall.Open(name, flags, 0)
	default:
		var at int
		if at, err = syscall.Open(base, oPath|syscall.O_CLOEXEC, 0); err != nil {
			return 0, syscall.EBADF
		}
		defer syscall.Close(at)
		fd, err = syscall.Openat(at, name, flags, 0)
	}
	if err != nil {
		return 0, err
	}
	if !b.valid(c) {
		syscall.Close(fd)
		return 0, syscall.ESRCH
	}
	return fd, nil
}

// isWritable tells whether a file is one that the processes may write. Where a file is, the kernel knows: names can change.
func (b *Broker) isWritable(fd int) bool {
	path, err := os.Readlink(DescriptorPath(fd))
	if err != nil {
		return false
	}
	path = strings.TrimSuffix(path, " (deleted)")
	for _, writable := range b.Writable {
		if path == writable || strings.HasPrefix(path, writable+"/") {
			return true
		}
	}
	return false
}

// readPath reads a text that ends with a zero.
func (b *Broker) readPath(c *call, at uint64) (string, error) {
	data, err := b.read(c, at, maxPath)
	if err != nil {
		return "", err
	}
	name, _, ended := bytes.Cut(data, []byte{0})
	if !ended && len(data) < maxPath {
		return "", syscall.EFAULT
	}
	if !ended {
		return "", syscall.ENAMETOOLONG
	}
	return string(name), nil
}
