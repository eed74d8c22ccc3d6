//go:build amd64 || arm64

package seccomp

import "syscall"

// System calls since Linux 5.0 have the same number on all architectures.
const (
	sysIoUringSetup    = 425
	sysIoUringEnter    = 426
	sysIoUringRegister = 427
	sysClone3          = 435
	sysFchmodat2       = 452
)

var refusedEverywhere = []uint32{
	syscall.SYS_PTRACE, syscall.SYS_PERF_EVENT_OPEN, syscall.SYS_ADD_KEY, syscall.SYS_REQUEST_KEY, syscall.SYS_KEYCTL,
	syscall.SYS_KEXEC_LOAD, syscall.SYS_INIT_MODULE, syscall.SYS_DELETE_MODULE,
	syscall.SYS_MOUNT, syscall.SYS_UMOUNT2, syscall.SYS_PIVOT_ROOT, syscall.SYS_CHROOT, syscall.SYS_SWAPON, syscall.SYS_SWAPOFF,
	syscall.SYS_REBOOT, syscall.SYS_ACCT, syscall.SYS_QUOTACTL, syscall.SYS_SYSLOG, syscall.SYS_VHANGUP,
	syscall.SYS_MOVE_PAGES, syscall.SYS_MIGRATE_PAGES, syscall.SYS_SETTIMEOFDAY, syscall.SYS_CLOCK_SETTIME,
	428, 429, 430, 431, 432, 433, 442, 467, // open_tree, move_mount, fsopen, fsconfig, fsmount, fspick, mount_setattr, open_tree_attr
	438, 440, 443, 448, // pidfd_getfd, process_madvise, quotactl_fd, process_mrelease
}
