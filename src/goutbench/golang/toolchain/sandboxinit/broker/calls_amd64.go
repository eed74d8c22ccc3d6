package broker

import "syscall"

const (
	sysFchmodat2    = 452
	sysSendmmsg     = 307
	sysSchedSetattr = 314
)

// oldHandlers decide about calls that newer ones have replaced, which programs still make.
var oldHandlers = map[uintptr]handler{
	syscall.SYS_FORK:   (*Broker).start,
	syscall.SYS_VFORK:  (*Broker).start,
	syscall.SYS_CHMOD:  mode(-1, 0, 1),
	syscall.SYS_CHOWN:  owner(-1, 0, 1, -1),
	syscall.SYS_LCHOWN: ownerOfLink(0, 1),
}
