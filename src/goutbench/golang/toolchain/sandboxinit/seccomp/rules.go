//go:build amd64 || arm64

package seccomp

import "syscall"

const (
	cloneNewNamespaces = 0x7e020000
	cloneNewTime       = 0x80 // of unshare; in clone, this is part of the signal
	socketTypes        = 0xf
	familyNetlink      = 16
	protocolMPTCP      = 262
	anything           = 0xffffffff
)

// filterRules are the parts of the kernel that no test of a package needs, and that a hostile one could attack: rare kinds of
// sockets, interfaces with a history of faults, other processes, namespaces and mounts, and memory that
// outlives processes.
func filterRules() []rule {
	network := when(1, socketTypes, []uint32{syscall.SOCK_STREAM, syscall.SOCK_DGRAM, syscall.SOCK_RAW},
		when(2, anything, []uint32{0, syscall.IPPROTO_TCP, syscall.IPPROTO_UDP, syscall.IPPROTO_ICMP, syscall.IPPROTO_ICMPV6, protocolMPTCP},
			allow(), refuse(syscall.EPROTONOSUPPORT)),
		refuse(syscall.ESOCKTNOSUPPORT))
	netlink := when(2, anything, []uint32{syscall.NETLINK_ROUTE}, allow(), refuse(syscall.EPROTONOSUPPORT))
	families := when(0, anything, []uint32{syscall.AF_INET, syscall.AF_INET6}, network,
		when(0, anything, []uint32{familyNetlink}, netlink,
			when(0, anything, []uint32{syscall.AF_UNIX}, allow(), refuse(syscall.EAFNOSUPPORT))))
	return []rule{
		{[]uint32{syscall.SYS_SOCKET}, families},
		{[]uint32{syscall.SYS_SOCKETPAIR}, when(0, anything, []uint32{syscall.AF_UNIX}, allow(), refuse(syscall.EAFNOSUPPORT))},
		// runtimes take another way where these do not exist
		{append([]uint32{sysClone3, sysIoUringSetup, sysIoUringEnter, sysIoUringRegister}, unusedCalls...), refuse(syscall.ENOSYS)},
		// memory, semaphores and queues of System V and of POSIX outlive processes, and the next run could find them
		{[]uint32{syscall.SYS_SHMGET, syscall.SYS_SEMGET, syscall.SYS_MSGGET, syscall.SYS_MQ_OPEN}, refuse(syscall.ENOSYS)},
		{[]uint32{syscall.SYS_CLONE}, whenBits(0, cloneNewNamespaces, refuse(syscall.EPERM), allow())},
		{[]uint32{syscall.SYS_UNSHARE}, whenBits(0, cloneNewNamespaces|cloneNewTime, refuse(syscall.EPERM), allow())},
		// a second listener would see the calls that the first one is to see
		{[]uint32{sysSeccomp}, whenBits(1, seccompNewListener, refuse(syscall.EPERM), allow())},
		{[]uint32{syscall.SYS_PRLIMIT64}, when(0, anything, []uint32{0}, allow(), refuse(syscall.EPERM))},
		{refusedCalls, refuse(syscall.EPERM)},
	}
}

// whenBits runs one of two programs: `yes` if an argument has any of these bits.
func whenBits(argument int, bits uint32, yes, no program) program {
	return when(argument, bits, []uint32{0}, no, yes)
}

// FilterProcess takes these parts of the kernel from this process and from all that it starts.
func FilterProcess() error {
	_, err := install(assemble(filterRules()), seccompThreads)
	return err
}
