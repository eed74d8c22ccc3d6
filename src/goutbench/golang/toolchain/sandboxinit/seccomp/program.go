//go:build amd64 || arm64

// Package seccomp takes from a process parts of the kernel that it does not need.
package seccomp

import (
	"fmt"
	"runtime"
	"syscall"
	"unsafe"
)

const (
	prSetNoNewPrivileges = 38

	seccompSetModeFilter        = 1
	seccompThreads              = 1
	seccompNewListener          = 8
	seccompWaitKillable         = 32
	seccompAllow                = 0x7fff0000
	seccompErrno                = 0x00050000
	seccompNotify               = 0x7fc00000
	offsetNumber                = 0 // in struct seccomp_data
	offsetArchitecture          = 4
	offsetArguments             = 16
	bpfLoad                     = 0x20 // BPF_LD | BPF_W | BPF_ABS
	bpfAnd                      = 0x54 // BPF_ALU | BPF_AND | BPF_K
	bpfEqual                    = 0x15 // BPF_JMP | BPF_JEQ | BPF_K
	bpfGreaterOrEqual           = 0x35 // BPF_JMP | BPF_JGE | BPF_K
	bpfReturn                   = 0x06 // BPF_RET | BPF_K
	x32Bit               uint32 = 0x40000000
)

// instruction is a struct sock_filter. A jump skips `yes` or `no` instructions.
type instruction struct {
	code    uint16
	yes, no uint8
	value   uint32
}

type program []instruction

// rule is what happens to some system calls: a program that returns on every path.
type rule struct {
	numbers []uint32
	program program
}

func allow() program { return program{{bpfReturn, 0, 0, seccompAllow}} }
func refuse(errno syscall.Errno) program {
	return program{{bpfReturn, 0, 0, seccompErrno | uint32(errno)}}
}
func notify() program { return program{{bpfReturn, 0, 0, seccompNotify}} }

// when runs one of two programs: `yes` if the lower half of an argument, masked, is one of the values.
func when(argument int, mask uint32, values []uint32, yes, no program) program {
	p := program{{bpfLoad, 0, 0, uint32(offsetArguments + 8*argument)}, {bpfAnd, 0, 0, mask}}
	for i, value := range values {
		p = append(p, instruction{bpfEqual, uint8(len(values) - 1 - i + len(no)), 0, value})
	}
	return append(append(p, no...), yes...)
}

// whenPointer runs one of two programs: `yes` if an argument is not zero.
func whenPointer(argument int, yes, no program) program {
	low := uint32(offsetArguments + 8*argument)
	p := program{{bpfLoad, 0, 0, low}, {bpfEqual, 0, uint8(2 + len(no)), 0}}
	p = append(p, program{{bpfLoad, 0, 0, low + 4}, {bpfEqual, 0, uint8(len(no)), 0}}...)
	return append(append(p, no...), yes...)
}

// assemble makes the filter of these rules. Calls of another architecture, which has numbers of its own, do not exist.
func assemble(rules []rule) program {
	p := program{{bpfLoad, 0, 0, offsetArchitecture}, {bpfEqual, 1, 0, auditArchitecture}}
	p = append(append(p, refuse(syscall.ENOSYS)...), instruction{bpfLoad, 0, 0, offsetNumber})
	if runtime.GOARCH == "amd64" {
		p = append(append(p, instruction{bpfGreaterOrEqual, 0, 1, x32Bit}), refuse(syscall.ENOSYS)...)
	}
	for _, rule := range rules {
		if len(rule.numbers) == 0 {
			continue // not on this architecture
		}
		for i, number := range rule.numbers {
			jump := instruction{bpfEqual, uint8(len(rule.numbers) - 1 - i), 0, number}
			if i == len(rule.numbers)-1 {
				jump.no = uint8(len(rule.program))
			}
			p = append(p, jump)
		}
		p = append(p, rule.program...)
	}
	return append(p, allow()...)
}

// install puts a filter on this thread, or with seccompThreads on all, and on all that they start. It returns the descriptor that
// seccompNewListener asks for.
func install(filter program, flags uintptr) (int, error) {
	if _, _, failed := syscall.RawSyscall6(syscall.SYS_PRCTL, prSetNoNewPrivileges, 1, 0, 0, 0, 0); failed != 0 {
		return 0, fmt.Errorf("no new privileges: %w", failed)
	}
	list := struct {
		length uint16
		first  *instruction
	}{uint16(len(filter)), &filter[0]}
	fd, _, failed := syscall.Syscall(sysSeccomp, seccompSetModeFilter, flags, uintptr(unsafe.Pointer(&list)))
	if failed != 0 {
		return 0, fmt.Errorf("seccomp: %w", failed)
	}
	return int(fd), nil
}
