package main

import (
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"syscall"
)

// CopiesOf says which folder every run in a sandbox gets a private, writable copy of, and where.
type CopiesOf struct {
	Folder string `json:"folder"`
	Target string `json:"target"` // where the sandbox has the copies: the same path, or another one
	Owner  int    `json:"owner"`  // who owns the copies; -1: the folder's own owner, who is also our user
	Bytes  int64  `json:"bytes"`  // how much a run may write
	Core   string `json:"core"`   // a folder below Folder that is copied file by file, so that folders in it can be renamed

	Replaced map[string]string `json:"replaced"` // files by their paths below Folder, and what a copy has in their place
}

// copies gives a sandbox one private copy after the other. A copy is an overlay: the folder below, read-only, and an empty
// tmpfs above it. This process is outside of the sandbox and mounts into it, so that nothing in the sandbox needs a capability.
type copies struct {
	CopiesOf
	socket, idmap int // requests arrive here; a user namespace that maps the folder's owner to Owner
	home, base    int // our own mount namespace, and the folder there that everything is mounted in
	sandbox       int // the sandbox's mount namespace
	target        int // the folder in the sandbox, below all copies
	copy          int // the present copy
}

const ready = "ready"

const bytesPerFile = 4096 // a run may write one file for each of these bytes

// serveCopies gives copies to many sandboxes. Standard input is a socket; each message on it is a sandbox, with the descriptors of
// the socket for its requests and of the id map, if it has one. It needs a mount namespace of its own, `base` is a folder to mount on,
// and without root a user namespace that the sandboxes are started from.
func serveCopies(base string) {
	if err := mountTmpfs(base, "mode=700,size=16m"); err != nil {
		fail(err)
	}
	if err := syscall.Sendmsg(0, []byte(ready), nil, nil, 0); err != nil {
		fail(err)
	}
	message, rights := make([]byte, 1<<16), make([]byte, syscall.CmsgSpace(2*4))
	for number := 0; ; number++ {
		n, extra, _, _, err := syscall.Recvmsg(0, message, rights, syscall.MSG_CMSG_CLOEXEC)
		if err == syscall.EINTR {
			continue
		}
		if err != nil || n == 0 {
			return // nobody asks for sandboxes any more
		}
		c := &copies{}
		fds, err := received(rights[:extra])
		if err != nil || len(fds) == 0 {
			continue
		}
		if c.socket = fds[0]; len(fds) > 1 {
			c.idmap = fds[1]
		}
		failed := json.Unmarshal(message[:n], &c.CopiesOf)
		folder := fmt.Sprintf("%s/%d", base, number)
		go func() {
			runtime.LockOSThread() // never unlocked: the thread ends with this sandbox
			c.serve(folder, failed)
			c.release(folder)
		}()
	}
}

// serve answers the requests of one sandbox until it ends. The first one carries the sandbox's mount namespace.
func (c *copies) serve(folder string, failed error) {
	message, rights := make([]byte, 16), make([]byte, syscall.CmsgSpace(4))
	for first := true; ; {
		n, extra, _, _, err := syscall.Recvmsg(c.socket, message, rights, syscall.MSG_CMSG_CLOEXEC)
		if err == syscall.EINTR {
			continue
		}
		if err != nil || n == 0 {
			return
		}
		if first && failed == nil {
			if failed = c.prepare(folder); failed == nil {
				failed = c.enter(rights[:extra])
			}
		}
		first = false
		if failed == nil {
			failed = c.renew()
		}
		answer := ready
		if failed != nil {
			answer = failed.Error()
		}
		if syscall.Sendmsg(c.socket, []byte(answer), nil, nil, 0) != nil {
			return
		}
	}
}

// prepare mounts the folder where copies can be made of it.
func (c *copies) prepare(folder string) (err error) {
	// setns to a mount namespace needs a thread with a root and a current folder of its own
	if err := syscall.Unshare(syscall.CLONE_FS); err != nil {
		return err
	}
	for _, name := range []string{folder, folder + "/lower", folder + "/own", folder + "/copy"} {
		if err := syscall.Mkdir(name, 0o700); err != nil {
			return err
		}
	}
	if c.home, err = syscall.Open("/proc/thread-self/ns/mnt", syscall.O_RDONLY|syscall.O_CLOEXEC, 0); err != nil {
		return err
	}
	if c.base, err = syscall.Open(folder, oPath|syscall.O_DIRECTORY|syscall.O_CLOEXEC, 0); err != nil {
		return err
	}
	if err := syscall.Fchdir(c.base); err != nil {
		return err
	}
	lower, err := openTree(c.Folder)
	if err != nil {
		return err
	}
	defer syscall.Close(lower)
	if err := protect(lower, c.idmap); err != nil {
		return err
	}
	return moveMount(lower, "lower")
}

// release gives back what a sandbox needed.
func (c *copies) release(folder string) {
	for _, fd := range []int{c.socket, c.idmap, c.home, c.base, c.sandbox, c.target, c.copy} {
		if fd > 0 {
			syscall.Close(fd)
		}
	}
	syscall.Unmount(folder+"/lower", syscall.MNT_DETACH)
	for _, name := range []string{"/lower", "/own", "/copy", ""} {
		syscall.Rmdir(folder + name) // nothing that removes more: the sources are mounted in one of them
	}
}

func received(rights []byte) ([]int, error) {
	messages, err := syscall.ParseSocketControlMessage(rights)
	if err != nil || len(messages) != 1 {
		return nil, errors.Join(err, errors.New("a message has no descriptors"))
	}
	return syscall.ParseUnixRights(&messages[0])
}

// enter keeps the sandbox's mount namespace, and the folder in it.
func (c *copies) enter(rights []byte) error {
	fds, err := received(rights)
	if err != nil {
		return err
	}
	c.sandbox = fds[0]
	return c.inSandbox(func() (err error) {
		if err := c.limitFiles("/tmp", "/dev/shm"); err != nil {
			return err
		}
		c.target, err = syscall.Open(c.Target, oPath|syscall.O_DIRECTORY|syscall.O_CLOEXEC, 0)
		return err
	})
}

// limitFiles limits how many files there can be in tmpfs folders of the sandbox: bwrap limits only their size, and an empty file
// has none, but takes a kilobyte of the kernel's memory.
func (c *copies) limitFiles(folders ...string) error {
	for _, folder := range folders {
		const flags = syscall.MS_REMOUNT | syscall.MS_NOSUID | syscall.MS_NODEV
		if err := syscall.Mount("", folder, "", flags, fmt.Sprintf("nr_inodes=%d", c.files())); err != nil {
			return fmt.Errorf("remount %s: %w", folder, err)
		}
	}
	return nil
}

// files is the number of files for which a run has room.
func (c *copies) files() int64 { return max(1024, c.Bytes/bytesPerFile) }

// renew replaces the copy.
func (c *copies) renew() error {
	old := c.copy
	if err := c.mount(); err != nil {
		return err
	}
	err := c.inSandbox(func() error {
		if old != 0 {
			if err := errors.Join(syscall.Fchdir(old), syscall.Unmount(".", syscall.MNT_DETACH)); err != nil {
				return err
			}
		}
		return moveMountTo(c.copy, c.target)
	})
	if old != 0 {
		err = errors.Join(err, syscall.Close(old))
	}
	return err
}

// mount makes a new copy, which is not in any namespace yet.
func (c *copies) mount() error {
	var folder syscall.Stat_t
	if err := syscall.Stat("lower", &folder); err != nil {
		return err
	}
	if err := mountTmpfs("own", fmt.Sprintf("mode=700,size=%d,nr_inodes=%d", c.Bytes, c.files())); err != nil {
		return err
	}
	defer syscall.Unmount("own", syscall.MNT_DETACH) // the copy keeps what it uses
	err := errors.Join(syscall.Mkdir("own/upper", 0o700), syscall.Mkdir("own/work", 0o700))
	if err == nil && c.Owner >= 0 {
		err = syscall.Chown("own/upper", c.Owner, c.Owner)
	}
	if err = errors.Join(err, syscall.Chmod("own/upper", folder.Mode&0o7777)); err != nil {
		return err
	}
	options := "lowerdir=lower,upperdir=own/upper,workdir=own/work,xino=on,"
	if c.Owner >= 0 {
		options += "redirect_dir=on,metacopy=off,index=off"
	} else {
		options += "userxattr" // all that a user may mount; folders of the layer below cannot be renamed then
		if err := fill("own/upper", c.Core); err != nil {
			return err
		}
	}
	if err := c.replace("own/upper"); err != nil {
		return err
	}
	if err := syscall.Mount("overlay", "copy", "overlay", syscall.MS_NOSUID|syscall.MS_NODEV, options); err != nil {
		return fmt.Errorf("overlay: %w", err)
	}
	defer syscall.Unmount("copy", syscall.MNT_DETACH)
	c.copy, err = openTree("copy")
	return err
}

// fill copies the core file by file into the writable part of a copy, and hides all of it in the layer below.
func fill(upper, core string) error {
	if err := syscall.Setxattr(upper, "user.goutbench", nil, 0); err != nil {
		return fmt.Errorf("tmpfs has no attributes (they need Linux 6.6): %w", err)
	}
	if core == "" {
		return nil
	}
	from, to := filepath.Join("lower", core), filepath.Join(upper, core)
	err := errors.Join(os.MkdirAll(to, 0o700), replicate(from, to, "", nil))
	hidden := []string{to}
	if core == "." { // the topmost folder cannot be hidden
		folders, _ := filepath.Glob(upper + "/*/.")
		hidden = folders
	}
	for _, folder := range hidden {
		err = errors.Join(err, syscall.Setxattr(folder, "user.overlay.opaque", []byte("y"), 0))
	}
	for above := filepath.Dir(core); core != "." && above != "."; above = filepath.Dir(above) {
		err = errors.Join(err, copyState(filepath.Join("lower", above), filepath.Join(upper, above)))
	}
	return errors.Join(err, copyState("lower", upper))
}

// replace puts files into the writable part of a copy, where they hide those of the layer below.
func (c *copies) replace(upper string) error {
	for path, file := range c.Replaced {
		parts := strings.Split(filepath.Dir(path), "/")
		for i := range parts {
			if err := c.add(filepath.Join(parts[:i+1]...), upper); err != nil {
				return err
			}
		}
		content, err := os.ReadFile(file)
		if err != nil {
			return err
		}
		target := filepath.Join(upper, path)
		if err := os.Remove(target); err != nil && !os.IsNotExist(err) {
			return err
		}
		if err := errors.Join(os.WriteFile(target, content, 0o644), c.own(target)); err != nil {
			return err
		}
	}
	return nil
}

// add makes a folder of the layer below in the writable part, too.
func (c *copies) add(path, upper string) error {
	target := filepath.Join(upper, path)
	if err := os.Mkdir(target, 0o700); err != nil {
		if os.IsExist(err) {
			return nil
		}
		return err
	}
	return errors.Join(copyState(filepath.Join("lower", path), target), c.own(target))
}

func (c *copies) own(path string) error {
	if c.Owner < 0 {
		return nil
	}
	return os.Chown(path, c.Owner, c.Owner)
}

// inSandbox calls action in the sandbox's mount namespace.
func (c *copies) inSandbox(action func() error) error {
	if err := setNamespace(c.sandbox); err != nil {
		return err
	}
	err := action()
	return errors.Join(err, setNamespace(c.home), syscall.Fchdir(c.base))
}
