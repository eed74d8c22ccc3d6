//go:build amd64 || arm64

package broker

import (
	"bytes"
	"fmt"
	"os"
	"strconv"
	"syscall"
	"time"
)

// process is what the kernel tells about a process.
type process struct{ parent, group, threads int }

// Descendants are all processes that this one, or one of them, has started.
func Descendants() map[int]process {
	all := map[int]process{}
	folder, err := os.Open("/proc")
	if err != nil {
		return all
	}
	defer folder.Close()
	names, _ := folder.Readdirnames(-1)
	for _, name := range names {
		if pid, err := strconv.Atoi(name); err == nil {
			if found, ok := stateOf(pid); ok {
				all[pid] = found
			}
		}
	}
	own, descendants := os.Getpid(), map[int]process{}
	for pid, found := range all {
		for above, steps := found.parent, 0; above > 0 && steps < len(all); above, steps = all[above].parent, steps+1 {
			if above == own {
				descendants[pid] = found
				break
			}
		}
	}
	return descendants
}

func stateOf(pid int) (process, bool) {
	data, err := os.ReadFile(fmt.Sprintf("/proc/%d/stat", pid))
	end := bytes.LastIndexByte(data, ')') // before it is a name, which may hold anything
	if err != nil || end < 0 {
		return process{}, false
	}
	fields := bytes.Fields(data[end+1:])
	if len(fields) < 18 {
		return process{}, false
	}
	number := func(field int) int { n, _ := strconv.Atoi(string(fields[field])); return n }
	return process{number(1), number(2), number(17)}, true
}

// End kills all descendants, and returns when there is none. It lets no further thread start, so that it comes to an end.
func (b *Broker) End() {
	b.mutex.Lock()
	b.ended = true
	b.mutex.Unlock()
	for {
		for {
			pid, err := syscall.Wait4(-1, nil, syscall.WNOHANG, nil)
			if err == syscall.ECHILD {
				return // an orphan is our child, so there is no descendant either
			}
			if err != nil && err != syscall.EINTR || err == nil && pid == 0 {
				break
			}
		}
		for pid := range Descendants() {
			syscall.Kill(pid, syscall.SIGKILL)
		}
		time.Sleep(time.Millisecond)
	}
}

// start lets a thread or process start, if there are not too many.
func (b *Broker) start(*call) (int, error) {
	b.mutex.Lock()
	defer b.mutex.Unlock()
	if b.tasks++; b.tasks > b.Tasks {
		b.tasks = 1
		for _, found := range Descendants() {
			b.tasks += found.threads
		}
	}
	if b.ended || b.tasks > b.Tasks {
		return 0, syscall.EAGAIN
	}
	return 0, errProceed
}

// ofThread lets a call proceed whose argument is a thread of a descendant.
func ofThread(argument int) handler {
	return func(b *Broker, c *call) (int, error) {
		return b.proceedFor(int(int32(c.arguments[argument])))
	}
}

func (b *Broker) proceedFor(thread int) (int, error) {
	above := thread
	for steps := 0; above > 1 && steps < 1<<16; steps++ {
		found, ok := stateOf(above)
		if !ok {
			return 0, syscall.ESRCH
		}
		if found.parent == os.Getpid() {
			return 0, errProceed
		}
		above = found.parent
	}
	return 0, syscall.EPERM
}

// kill decides about signals where Landlock does not.
func (b *Broker) kill(c *call) (int, error) {
	pid := int(int32(c.arguments[0]))
	if pid > 0 {
		return b.proceedFor(pid)
	}
	members := 0
	for _, found := range Descendants() {
		if found.group == -pid {
			members++
		}
	}
	if pid == 0 || pid < -1 && members > 0 { // groups are not shared with processes outside
		return 0, errProceed
	}
	return 0, syscall.EPERM
}
