package main

import (
	"fmt"
	"os"
	"runtime"
	"syscall"
	"unsafe"
)

// The system calls of Linux 5.2 and 5.12 that package syscall lacks have the same numbers on all architectures.
const (
	sysOpenTree     = 428
	sysMoveMount    = 429
	sysMountSetattr = 442

	oPath                = 0x200000
	atFdcwd              = -0x64
	atEmptyPath          = 0x1000
	openTreeClone        = 1
	moveFromEmptyPath    = 0x4
	moveToEmptyPath      = 0x40
	mountAttrIDMap       = 0x100000
	prCapAmbient         = 47
	prCapAmbientClearAll = 4
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

// ownedBy shows what the folder's owner owns below an unattached mount as owned by another user and group.
func ownedBy(mount int, folder string, user int) error {
	var owner syscall.Stat_t
	if err := syscall.Stat(folder, &owner); err != nil {
		return err
	}
	namespace, err := userNamespace(int(owner.Uid), int(owner.Gid), user)
	if err != nil {
		return err
	}
	defer syscall.Close(namespace)
	var empty byte
	attributes := struct{ set, clear, propagation, namespace uint64 }{mountAttrIDMap, 0, 0, uint64(namespace)}
	_, _, failed := syscall.Syscall6(sysMountSetattr, uintptr(mount), uintptr(unsafe.Pointer(&empty)), atEmptyPath,
		uintptr(unsafe.Pointer(&attributes)), unsafe.Sizeof(attributes), 0)
	if failed != 0 {
		return fmt.Errorf("mount_setattr: %w", failed)
	}
	return nil
}

// userNamespace returns a user namespace that maps a user and a group to another user. Only a process can make one.
func userNamespace(user, group, to int) (int, error) {
	pid, err := syscall.ForkExec("/proc/self/exe", []string{"sandboxinit"}, &syscall.ProcAttr{Sys: &syscall.SysProcAttr{
		Cloneflags:  syscall.CLONE_NEWUSER,
		UidMappings: []syscall.SysProcIDMap{{ContainerID: user, HostID: to, Size: 1}},
		GidMappings: []syscall.SysProcIDMap{{ContainerID: group, HostID: to, Size: 1}},
		Ptrace:      true, // it stops before its first instruction
	}})
	if err != nil {
		return 0, fmt.Errorf("user namespace: %w", err)
	}
	defer func() {
		syscall.Kill(pid, syscall.SIGKILL)
		wait(pid)
	}()
	return syscall.Open(fmt.Sprintf("/proc/%d/ns/user", pid), syscall.O_RDONLY|syscall.O_CLOEXEC, 0)
}
