package seccomp

const (
	auditArchitecture uint32 = 0xc00000b7
	sysSeccomp               = 277
	sysSendmmsg              = 269
	sysSchedSetattr          = 274
	sysTgSigQueue            = 240
)

var unusedCalls []uint32

var refusedCalls = append([]uint32{
	268,           // setns
	270, 271, 272, // process_vm_readv, process_vm_writev, kcmp
	273,           // finit_module
	294, 280, 282, // kexec_file_load, bpf, userfaultfd
	265, // open_by_handle_at
}, refusedEverywhere...)

// Calls that newer ones have replaced: this architecture never had them.
var oldOwnerCalls, oldTimeCalls, oldForkCalls []uint32
