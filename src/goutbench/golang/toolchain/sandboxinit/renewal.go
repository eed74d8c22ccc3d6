package main

import (
	"encoding/json"
	"errors"
	"os"
	"syscall"
)

// Renewal is where runs take place, and how each gets a private copy of a folder at To: from the process that listens on a
// socket, or else by copying the folder From. With Core, only this folder below From is copied in full.
type Renewal struct {
	Folder string `json:"folder"`
	Socket int    `json:"socket"`
	From   string `json:"from"`
	To     string `json:"to"`
	Core   string `json:"core"`
	Filter bool   `json:"filter"` // whether runs lack some system calls
	Line   int    `json:"line"`   // in a container: the descriptor of the line to the process outside

	Replaced map[string]string `json:"replaced"` // files by their paths below From, and what a copy has in their place
	Seeds    []Seed            `json:"seeds"`

	Confinement *Confinement `json:"landlock"`
}

// Seed is a folder of the host of which each run gets a private copy under another name, To, from the process that listens on
// a socket of its own.
type Seed struct {
	Socket int    `json:"socket"`
	To     string `json:"to"`
}

// world is what a run finds.
type world struct {
	Renewal
	mounts []string
	used   bool
	copies []*privateCopy
}

// privateCopy is a folder that a process outside mounts.
type privateCopy struct {
	socket int
	to     string
	always bool // whether every run gets a new one
	used   bool
	root   int // the copy's topmost folder
	state  syscall.Stat_t
	names  uintptr // the size of the names of its attributes
}

func newWorld(settings string) (*world, error) {
	w := &world{mounts: mountPoints()}
	if err := json.Unmarshal([]byte(settings), &w.Renewal); err != nil {
		return nil, err
	}
	if w.Socket != 0 {
		// a folder that was copied file by file is in the writable part from the start, so nothing there shows what was
		// written in it
		w.copies = append(w.copies, &privateCopy{socket: w.Socket, to: w.To, always: w.Core != ""})
	}
	for _, seed := range w.Seeds {
		if err := os.MkdirAll(seed.To, 0o755); err != nil {
			return nil, err
		}
		w.mounts = append(w.mounts, seed.To)
		w.copies = append(w.copies, &privateCopy{socket: seed.Socket, to: seed.To})
	}
	for _, c := range w.copies {
		syscall.CloseOnExec(c.socket)
	}
	return w, nil
}

// renew gives the next run what the first one found.
func (w *world) renew() error {
	var err error
	if w.used && w.Confinement != nil {
		err = w.Confinement.removeLeftovers()
	} else if w.used && os.Getpid() == 1 {
		err = removeLeftovers(w.mounts)
	}
	if err != nil {
		return err
	}
	for _, c := range w.copies {
		if !c.isPristine() {
			err = errors.Join(err, c.request(), c.remember())
		}
	}
	if w.Socket == 0 && w.From != "" {
		err = w.copy()
	}
	w.used = true
	return err
}

// remember keeps the state of a new copy.
func (c *privateCopy) remember() (err error) {
	if c.root > 0 {
		syscall.Close(c.root)
	}
	if c.root, err = syscall.Open(c.to, syscall.O_RDONLY|syscall.O_DIRECTORY|syscall.O_CLOEXEC, 0); err != nil {
		return err
	}
	c.names = attributeNames(c.root)
	return syscall.Fstat(c.root, &c.state)
}

func attributeNames(fd int) uintptr {
	size, _, _ := syscall.Syscall(syscall.SYS_FLISTXATTR, uintptr(fd), 0, 0)
	return size
}

// isPristine tells whether nothing was ever written to the copy. In an overlay, all that is written makes an entry in the
// writable part of the topmost folder, which has a size of its own, or changes that folder. Times alone would not do: in old
// kernels they have steps of milliseconds.
func (c *privateCopy) isPristine() bool {
	var now syscall.Stat_t
	if c.always || c.root <= 0 || syscall.Fstat(c.root, &now) != nil {
		return false
	}
	now.Atim = c.state.Atim // reading changes it
	return now == c.state && attributeNames(c.root) == c.names
}

// request asks for a new copy. The first request carries our mount namespace, in which the copies appear.
func (c *privateCopy) request() error {
	var rights []byte
	if !c.used {
		namespace, err := os.Open("/proc/self/ns/mnt")
		if err != nil {
			return err
		}
		defer namespace.Close()
		rights = syscall.UnixRights(int(namespace.Fd()))
	}
	c.used = true
	if err := syscall.Sendmsg(c.socket, []byte("renew"), rights, nil, 0); err != nil {
		return err
	}
	answer := make([]byte, 4096)
	for {
		n, err := syscall.Read(c.socket, answer)
		if err == syscall.EINTR {
			continue
		}
		if err != nil {
			return err
		}
		if text := string(answer[:n]); text != ready {
			return errors.New("no private copy: " + text)
		}
		return nil
	}
}

func (w *world) copy() error {
	if w.used {
		os.Chmod(w.To, 0o700)
		if err := empty(w.To, w.mounts); err != nil {
			return err
		}
	}
	return replicate(w.From, w.To, w.Core, w.Replaced)
}
