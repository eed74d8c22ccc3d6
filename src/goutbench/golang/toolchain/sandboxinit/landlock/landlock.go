// Package landlock limits what files a thread, and all that it starts, can open.
package landlock

import (
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"unsafe"
)

// The numbers are the same on all architectures.
const (
	sysCreateRuleset = 444
	sysAddRule       = 445
	sysRestrictSelf  = 446

	prSetNoNewPrivileges = 38

	versionFlag   = 1
	pathBeneath   = 1
	oPath         = 0x200000
	connectTCP    = 1 << 1
	scopeAbstract = 1 << 0
	scopeSignal   = 1 << 1
)

// The rights on files, by the version of the interface that has them.
const (
	execute = 1 << iota
	writeFile
	readFile
	readFolder
	removeFolder
	removeFile
	makeCharacter
	makeFolder
	makeFile
	makeSocket
	makePipe
	makeBlock
	makeLink
	refer       // version 2
	truncate    // version 3
	ioctlDevice // version 5
	end

	onFiles = execute | writeFile | readFile | truncate | ioctlDevice
	reading = execute | readFile | readFolder
	devices = makeCharacter | makeBlock
)

// NeededVersion can keep a process from cutting off files (Linux 6.2).
const NeededVersion = 3

// SignalVersion keeps signals and abstract sockets inside (Linux 6.12).
const SignalVersion = 6

// Access lists what can be used: paths that do not exist are left out, and all that is below a folder has the folder's rights.
type Access struct {
	Readable []string `json:"readable"`
	Writable []string `json:"writable"`
	Hidden   []string `json:"hidden"`  // what cannot be read, although it is below a folder of Readable
	Devices  []string `json:"devices"` // which can be read and written
	Newest   int      `json:"newest"`  // the newest version of the interface to use; 0 for any
}

// Version is the version of the interface that this kernel offers, and that the settings allow; 0 if there is none.
func (a Access) Version() int {
	version, _, failed := syscall.Syscall(sysCreateRuleset, 0, 0, versionFlag)
	if failed != 0 {
		return 0
	}
	if a.Newest > 0 {
		return min(a.Newest, int(version))
	}
	return int(version)
}

// Restrict limits this thread.
func (a Access) Restrict() error {
	version := a.Version()
	if version < NeededVersion {
		return fmt.Errorf("the kernel offers version %d of Landlock, and version %d (Linux 6.2) is needed", version, NeededVersion)
	}
	attributes := struct{ files, network, scoped uint64 }{files: end - 1}
	size := uintptr(8)
	if version < 5 {
		attributes.files &^= ioctlDevice
	}
	if version >= 4 {
		attributes.network, size = connectTCP, 16
	}
	if version >= SignalVersion {
		attributes.scoped, size = scopeAbstract|scopeSignal, 24
	}
	rules, _, failed := syscall.Syscall(sysCreateRuleset, uintptr(unsafe.Pointer(&attributes)), size, 0)
	if failed != 0 {
		return fmt.Errorf("landlock: %w", failed)
	}
	defer syscall.Close(int(rules))
	for _, path := range a.Readable {
		if err := a.addReadable(int(rules), path); err != nil {
			return fmt.Errorf("landlock: %s: %w", path, err)
		}
	}
	for _, group := range []struct {
		paths  []string
		rights uint64
	}{{a.Writable, (end - 1) &^ devices}, {a.Devices, readFile | writeFile | ioctlDevice}} {
		for _, path := range group.paths {
			if err := add(int(rules), path, group.rights&attributes.files); err != nil {
				return fmt.Errorf("landlock: %s: %w", path, err)
			}
		}
	}
	// without it, only root may
	if _, _, failed := syscall.RawSyscall6(syscall.SYS_PRCTL, prSetNoNewPrivileges, 1, 0, 0, 0, 0); failed != 0 {
		return fmt.Errorf("no new privileges: %w", failed)
	}
	if _, _, failed := syscall.Syscall(sysRestrictSelf, rules, 0, 0); failed != 0 {
		return fmt.Errorf("landlock: %w", failed)
	}
	return nil
}

// addReadable gives the right to read a path. A rule holds for all that is below a folder: so where something hidden is below it, each
// entry but the hidden one gets a rule of its own. Links get none: what they lead to has one, if it can be read.
func (a Access) addReadable(rules int, path string) error {
	above := false
	for _, hidden := range a.Hidden {
		if path == hidden {
			return nil
		}
		above = above || strings.HasPrefix(hidden, path+"/")
	}
	if !above {
		return add(rules, path, reading)
	}
	entries, err := os.ReadDir(path)
	if err != nil {
		return err
	}
	err = add(rules, path, readFolder)
	for _, entry := range entries {
		if err == nil && entry.Type()&fs.ModeSymlink == 0 {
			err = a.addReadable(rules, filepath.Join(path, entry.Name()))
		}
	}
	return err
}

// add gives rights on a path.
func add(rules int, path string, rights uint64) error {
	fd, err := syscall.Open(path, oPath|syscall.O_CLOEXEC, 0)
	if err == syscall.ENOENT || err == syscall.ENOTDIR {
		return nil
	}
	if err != nil {
		return err
	}
	defer syscall.Close(fd)
	var info syscall.Stat_t
	if err := syscall.Fstat(fd, &info); err != nil {
		return err
	}
	if info.Mode&syscall.S_IFMT != syscall.S_IFDIR {
		rights &= onFiles
	}
	var rule [12]byte // struct landlock_path_beneath_attr, which is packed
	*(*uint64)(unsafe.Pointer(&rule[0])) = rights
	*(*int32)(unsafe.Pointer(&rule[8])) = int32(fd)
	if _, _, failed := syscall.Syscall6(sysAddRule, uintptr(rules), pathBeneath, uintptr(unsafe.Pointer(&rule)), 0, 0, 0); failed != 0 {
		return failed
	}
	return nil
}
