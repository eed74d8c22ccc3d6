package main

import (
	"fmt"
	"io"
	"os"
	"runtime"
	"strconv"
	"syscall"
	"unsafe"
)

// The system calls of Linux 5.2 and 5.12 that package syscall lacks have the same numbers on all architectures.
const (
	sysOpenTree     = 428
	sysMoveMount    = 429
	sysMountSetattr = 442

	oPath             = 0x200000
	atFdcwd           = -0x64
	atEmptyPath       = 0x1000
	openTreeClone     = 1
	moveFromEmptyPath = 0x4
	moveToEmptyPath   = 0x40
	mountAttrReadOnly = 1
	mountAttrIDMap    = 0x100000
)

var sysSetns = map[string]uintptr{
	"386": 346, "amd64": 308, "arm": 375, "arm64": 268, "loong64": 268, "ppc64le": 350, "riscv64": 268, "s390x": 339,
}

func fail(err error) {
	os.Stderr.WriteString("sandboxinit: " + err.Error() + "\n")
	os.Exit(125)
}

func prctl(option, argument uintptr) {
	syscall.RawSyscall6(syscall.SYS_PRCTL, option, argument, 0, 0, 0, 0)
}

func setNamespace(fd int) error {
	if _, _, failed := syscall.Syscall(sysSetns[runtime.GOARCH], uintptr(fd), syscall.CLONE_NEWNS, 0); failed != 0 {
		return fmt.Errorf("setns: %w", failed)
	}
	return nil
}

// openTree returns a mount of the folder `path` that is attached nowhere.
func openTree(path string) (int, error) {
	name, err := syscall.BytePtrFromString(path)
	if err != nil {
		return 0, err
	}
	at := atFdcwd
	fd, _, failed := syscall.Syscall(sysOpenTree, uintptr(at), uintptr(unsafe.Pointer(name)), openTreeClone|syscall.O_CLOEXEC)
	if failed != 0 {
		return 0, fmt.Errorf("open_tree %s: %w", path, failed)
	}
	return int(fd), nil
}

func moveMount(mount int, path string) error {
	to, err := syscall.Open(path, oPath|syscall.O_DIRECTORY|syscall.O_CLOEXEC, 0)
	if err != nil {
		return err
	}
	defer syscall.Close(to)
	return moveMountTo(mount, to)
}

func moveMountTo(mount, to int) error {
	var empty byte
	at := uintptr(unsafe.Pointer(&empty))
	_, _, failed := syscall.Syscall6(sysMoveMount, uintptr(mount), at, uintptr(to), at, moveFromEmptyPath|moveToEmptyPath, 0)
	if failed != 0 {
		return fmt.Errorf("move_mount: %w", failed)
	}
	return nil
}

func mountTmpfs(path, options string) error {
	if err := syscall.Mount("tmpfs", path, "tmpfs", syscall.MS_NOSUID|syscall.MS_NODEV, options); err != nil {
		return fmt.Errorf("tmpfs: %w", err)
	}
	return nil
}

// protect makes an unattached mount read-only. With a user namespace, the owners of files are mapped as ids are mapped there.
func protect(mount, namespace int) error {
	var empty byte
	attributes := struct{ set, clear, propagation, namespace uint64 }{mountAttrReadOnly, 0, 0, uint64(namespace)}
	if namespace > 0 {
		attributes.set |= mountAttrIDMap
	}
	_, _, failed := syscall.Syscall6(sysMountSetattr, uintptr(mount), uintptr(unsafe.Pointer(&empty)), atEmptyPath,
		uintptr(unsafe.Pointer(&attributes)), unsafe.Sizeof(attributes), 0)
	if failed != 0 {
		return fmt.Errorf("mount_setattr: %w", failed)
	}
	return nil
}

// holdIDMap makes a user namespace that maps a user and a group to another user. It prints the id of a process in it, which ends
// with our standard input.
func holdIDMap(user, group, to string) {
	ids := make([]int, 3)
	for i, text := range []string{user, group, to} {
		ids[i], _ = strconv.Atoi(text)
	}
	pid, err := syscall.ForkExec("/proc/self/exe", []string{"sandboxinit"}, &syscall.ProcAttr{Sys: &syscall.SysProcAttr{
		Cloneflags:  syscall.CLONE_NEWUSER,
		UidMappings: []syscall.SysProcIDMap{{ContainerID: ids[0], HostID: ids[2], Size: 1}},
		GidMappings: []syscall.SysProcIDMap{{ContainerID: ids[1], HostID: ids[2], Size: 1}},
		Ptrace:      true, // it stops before its first instruction
		Pdeathsig:   syscall.SIGKILL,
	}})
	if err != nil {
		fail(fmt.Errorf("user namespace: %w", err))
	}
	fmt.Println(pid)
	io.Copy(io.Discard, os.Stdin)
	syscall.Kill(pid, syscall.SIGKILL)
}

// loopback enables the loopback interface of a new network namespace.
func loopback() {
	socket, err := syscall.Socket(syscall.AF_INET, syscall.SOCK_DGRAM|syscall.SOCK_CLOEXEC, 0)
	if err != nil {
		os.Exit(125)
	}
	var request [40]byte // struct ifreq: the name, then the flags
	copy(request[:], "lo")
	request[16] = syscall.IFF_UP | syscall.IFF_RUNNING
	at := uintptr(unsafe.Pointer(&request))
	if _, _, failed := syscall.Syscall(syscall.SYS_IOCTL, uintptr(socket), syscall.SIOCSIFFLAGS, at); failed != 0 {
		os.Exit(125)
	}
}
