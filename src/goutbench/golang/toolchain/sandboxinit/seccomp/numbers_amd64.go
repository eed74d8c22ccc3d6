package seccomp

import "syscall"

const (
	auditArchitecture uint32 = 0xc000003e
	sysSeccomp               = 317
	sysSendmmsg              = 307
	sysSchedSetattr          = 314
	sysTgSigQueue            = 297
)

// Calls that no present program uses, and their numbers.
var unusedCalls = []uint32{syscall.SYS_MODIFY_LDT, syscall.SYS_USELIB, syscall.SYS_USTAT, syscall.SYS_SYSFS, syscall.SYS__SYSCTL}

var refusedCalls = append([]uint32{
	syscall.SYS_IOPL, syscall.SYS_IOPERM,
	308,           // setns
	310, 311, 312, // process_vm_readv, process_vm_writev, kcmp
	313,           // finit_module
	320, 321, 323, // kexec_file_load, bpf, userfaultfd
	304, // open_by_handle_at
}, refusedEverywhere...)

// Calls that newer ones have replaced, which programs still make.
var (
	oldOwnerCalls = []uint32{syscall.SYS_CHMOD, syscall.SYS_CHOWN, syscall.SYS_LCHOWN}
	oldTimeCalls  = []uint32{syscall.SYS_UTIME, syscall.SYS_UTIMES, syscall.SYS_FUTIMESAT}
	oldForkCalls  = []uint32{syscall.SYS_FORK, syscall.SYS_VFORK}
)
