package broker

const (
	sysFchmodat2    = 452
	sysSendmmsg     = 269
	sysSchedSetattr = 274
)

// oldHandlers is empty: this architecture never had calls that newer ones have replaced.
var oldHandlers map[uintptr]handler
