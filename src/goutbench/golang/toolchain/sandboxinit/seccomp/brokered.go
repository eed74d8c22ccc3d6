//go:build amd64 || arm64

package seccomp

import "syscall"

const (
	messageFastOpen     = 0x20000000
	priorityOfProcess   = 0
	ioPriorityOfProcess = 1
	reusePort           = 15 // SO_REUSEPORT
	fcntlSetOwner       = 8  // F_SETOWN
	fcntlSetOwnerEx     = 15
	setOwner            = 0x8901 // FIOSETOWN
	setGroup            = 0x8902 // SIOCSPGRP
)

// Listen filters this thread, for a sandbox without namespaces: calls that need a decision go to whoever listens at the
// descriptor that it returns. With `signals`, signals to other processes do, too: before Landlock ABI 6 nothing else limits them.
func Listen(signals bool) (int, error) {
	filter := assemble(append(brokeredRules(notify(), signals), filterRules()...))
	fd, err := install(filter, seccompNewListener|seccompWaitKillable)
	if err != nil { // before Linux 5.19, a signal may interrupt a call that somebody decides about
		fd, err = install(filter, seccompNewListener)
	}
	return fd, err
}

// FilterWithoutBroker refuses what Listen leaves to a decision, but for new processes.
func FilterWithoutBroker() error {
	start := []rule{
		{[]uint32{syscall.SYS_CLONE}, whenBits(0, cloneNewNamespaces, refuse(syscall.EPERM), allow())},
		{oldForkCalls, allow()},
	}
	rules := append(start, brokeredRules(refuse(syscall.EPERM), false)...)
	_, err := install(assemble(append(rules, filterRules()...)), seccompThreads)
	return err
}

// brokeredRules are the calls that reach what Landlock does not know: other sockets, owners, modes and times of files, the
// resources of other processes, and memory that outlives them. `ask` is what happens to a call that may be allowed.
func brokeredRules(ask program, signals bool) []rule {
	stream := []uint32{syscall.SOCK_STREAM, syscall.SOCK_DGRAM}
	network := when(1, socketTypes, stream,
		when(2, anything, []uint32{0, syscall.IPPROTO_TCP, syscall.IPPROTO_UDP}, ask, refuse(syscall.EPROTONOSUPPORT)),
		refuse(syscall.ESOCKTNOSUPPORT))
	netlink := when(2, anything, []uint32{syscall.NETLINK_ROUTE}, ask, refuse(syscall.EPROTONOSUPPORT))
	families := when(0, anything, []uint32{syscall.AF_INET, syscall.AF_INET6}, network,
		when(0, anything, []uint32{familyNetlink}, netlink,
			when(0, anything, []uint32{syscall.AF_UNIX}, ask, refuse(syscall.EAFNOSUPPORT))))
	pair := when(0, anything, []uint32{syscall.AF_UNIX},
		when(1, socketTypes, []uint32{syscall.SOCK_DGRAM}, refuse(syscall.EPROTONOSUPPORT), allow()), refuse(syscall.EAFNOSUPPORT))
	ownProcess := func(argument int) program { return when(argument, anything, []uint32{0}, allow(), ask) }
	// attributes of files, and the interfaces of file systems, which take a file that was opened for reading
	controls := when(1, 0xff00, []uint32{'f' << 8, 'X' << 8, 0x94 << 8}, refuse(syscall.ENOTTY), allow())
	if signals {
		controls = when(1, anything, []uint32{setOwner, setGroup}, refuse(syscall.EPERM), controls)
	}
	rules := []rule{
		{[]uint32{syscall.SYS_SOCKET}, families},
		{[]uint32{syscall.SYS_SOCKETPAIR}, pair},
		{[]uint32{syscall.SYS_CONNECT, syscall.SYS_BIND, syscall.SYS_LISTEN}, ask},
		{[]uint32{syscall.SYS_SENDTO}, whenPointer(4, ask, allow())},
		{[]uint32{syscall.SYS_SENDMSG}, whenBits(2, messageFastOpen, refuse(syscall.EOPNOTSUPP), ask)},
		{[]uint32{sysSendmmsg}, whenBits(3, messageFastOpen, refuse(syscall.EOPNOTSUPP), ask)},
		{append([]uint32{syscall.SYS_FCHMOD, syscall.SYS_FCHMODAT, sysFchmodat2, syscall.SYS_FCHOWN, syscall.SYS_FCHOWNAT,
			syscall.SYS_UTIMENSAT}, oldOwnerCalls...), ask},
		{oldTimeCalls, refuse(syscall.ENOSYS)},
		{[]uint32{syscall.SYS_SETXATTR, syscall.SYS_LSETXATTR, syscall.SYS_FSETXATTR, syscall.SYS_REMOVEXATTR,
			syscall.SYS_LREMOVEXATTR, syscall.SYS_FREMOVEXATTR, 463, 466, 469}, refuse(syscall.EOPNOTSUPP)},
		{[]uint32{syscall.SYS_IOCTL}, controls},
		{[]uint32{syscall.SYS_SETSOCKOPT}, when(1, anything, []uint32{syscall.SOL_SOCKET},
			when(2, anything, []uint32{syscall.SO_REUSEADDR, reusePort}, ask, allow()), allow())},
		{[]uint32{syscall.SYS_CLONE}, whenBits(0, cloneNewNamespaces, refuse(syscall.EPERM), ask)},
		{oldForkCalls, ask},
		{[]uint32{syscall.SYS_SETPRIORITY}, when(0, anything, []uint32{priorityOfProcess}, ownProcess(1), refuse(syscall.EPERM))},
		{[]uint32{syscall.SYS_IOPRIO_SET}, when(0, anything, []uint32{ioPriorityOfProcess}, ownProcess(1), refuse(syscall.EPERM))},
		{[]uint32{syscall.SYS_SCHED_SETAFFINITY, syscall.SYS_SCHED_SETSCHEDULER, syscall.SYS_SCHED_SETPARAM, sysSchedSetattr},
			ownProcess(0)},
		{[]uint32{syscall.SYS_FANOTIFY_INIT}, refuse(syscall.EPERM)},
	}
	if signals {
		rules = append(rules, rule{[]uint32{syscall.SYS_KILL, syscall.SYS_TKILL, syscall.SYS_TGKILL}, ask},
			rule{[]uint32{syscall.SYS_RT_SIGQUEUEINFO, sysTgSigQueue, 424}, refuse(syscall.EPERM)}, // pidfd_send_signal
			// whom the kernel sends a signal when a descriptor is ready
			rule{[]uint32{syscall.SYS_FCNTL}, when(1, anything, []uint32{fcntlSetOwner, fcntlSetOwnerEx}, refuse(syscall.EPERM), allow())})
	}
	return rules
}
