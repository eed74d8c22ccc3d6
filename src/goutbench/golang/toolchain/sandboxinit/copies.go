package main

import (
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"syscall"
)

// CopiesOf says which folder every run in a sandbox gets a private, writable copy of, under the folder's own path.
type CopiesOf struct {
	Folder string `json:"folder"`
	Socket int    `json:"socket"` // requests for copies arrive here
	Owner  int    `json:"owner"`  // who owns the copies; -1: the folder's own owner, who is also our user
	IDMap  int    `json:"idmap"`  // a user namespace that maps the folder's owner to Owner
	Bytes  int64  `json:"bytes"`  // how much a run may write
	Base   string `json:"base"`   // a folder to mount on
	Core   string `json:"core"`   // a folder below Folder that is copied file by file, so that folders in it can be renamed
}

// copies gives a sandbox one private copy after the other. A copy is an overlay: the folder below, read-only, and an empty
// tmpfs above it. This process is outside of the sandbox and mounts into it, so that nothing in the sandbox needs a capability.
type copies struct {
	CopiesOf
	home, base int              // our own mount namespace, and the folder there that everything is mounted in
	sandbox    int              // the sandbox's mount namespace
	target     int              // the folder in the sandbox, below all copies
	copy       int              // the present copy
	upper      int              // its writable part
	pristine   syscall.Timespec // when its writable part was last changed by us
}

const ready = "ready"

// serveCopies runs a sandbox, which is `command`, and gives it copies until it ends. Without root it must be started in a user
// and a mount namespace of its own.
func serveCopies(settings string, command []string) {
	c := &copies{}
	err := json.Unmarshal([]byte(settings), &c.CopiesOf)
	if err == nil {
		err = c.prepare()
	}
	if err != nil {
		fail(fmt.Errorf("no private copies of %s: %w", c.Folder, err))
	}
	prctl(prCapAmbient, prCapAmbientClearAll) // bwrap refuses to start with capabilities that it did not ask for
	program, err := exec.LookPath(command[0])
	if err != nil {
		fail(err)
	}
	pid, err := syscall.ForkExec(program, command, &syscall.ProcAttr{
		Env: os.Environ(), Files: []uintptr{0, 1, 2}, Sys: &syscall.SysProcAttr{Pdeathsig: syscall.SIGKILL},
	})
	if err != nil {
		fail(err)
	}
	go func() { os.Exit(wait(pid).Exit) }()
	if err := c.serve(); err != nil {
		os.Stderr.WriteString("sandboxinit: " + err.Error() + "\n")
	}
	select {} // the sandbox ends by itself
}

// prepare mounts the folder where copies can be made of it.
func (c *copies) prepare() (err error) {
	syscall.CloseOnExec(c.Socket)
	if c.Owner >= 0 { // this thread is the only one that mounts and starts processes
		if err := syscall.Unshare(syscall.CLONE_NEWNS); err != nil {
			return err
		}
		if err := syscall.Mount("", "/", "", syscall.MS_REC|syscall.MS_PRIVATE, ""); err != nil {
			return err
		}
	}
	if c.home, err = syscall.Open("/proc/thread-self/ns/mnt", syscall.O_RDONLY|syscall.O_CLOEXEC, 0); err != nil {
		return err
	}
	lower, err := openTree(c.Folder)
	if err != nil {
		return err
	}
	if c.Owner >= 0 {
		syscall.CloseOnExec(c.IDMap)
		if err := mapOwner(lower, c.IDMap); err != nil {
			return err
		}
	}
	if err := mountTmpfs(c.Base, "mode=700,size=1m"); err != nil {
		return err
	}
	if c.base, err = syscall.Open(c.Base, oPath|syscall.O_DIRECTORY|syscall.O_CLOEXEC, 0); err != nil {
		return err
	}
	// setns to a mount namespace needs a thread with a root and a current folder of its own
	if err := errors.Join(syscall.Unshare(syscall.CLONE_FS), syscall.Fchdir(c.base)); err != nil {
		return err
	}
	for _, name := range []string{"lower", "own", "copy"} {
		if err := syscall.Mkdir(name, 0o700); err != nil {
			return err
		}
	}
	return errors.Join(moveMount(lower, "lower"), syscall.Close(lower))
}

// serve answers requests: the first one carries the sandbox's mount namespace.
func (c *copies) serve() error {
	message, rights := make([]byte, 16), make([]byte, syscall.CmsgSpace(4))
	for first := true; ; first = false {
		n, extra, _, _, err := syscall.Recvmsg(c.Socket, message, rights, syscall.MSG_CMSG_CLOEXEC)
		if err == syscall.EINTR {
			continue
		}
		if err != nil || n == 0 {
			return err
		}
		if first {
			err = c.enter(rights[:extra])
		}
		if err == nil {
			err = c.renew()
		}
		answer := ready
		if err != nil {
			answer = err.Error()
		}
		if err := syscall.Sendmsg(c.Socket, []byte(answer), nil, nil, 0); err != nil {
			return err
		}
	}
}

// enter keeps the sandbox's mount namespace from the first request, and the folder in it.
func (c *copies) enter(rights []byte) error {
	messages, err := syscall.ParseSocketControlMessage(rights)
	if err != nil || len(messages) != 1 {
		return errors.Join(err, errors.New("the first request has no mount namespace"))
	}
	received, err := syscall.ParseUnixRights(&messages[0])
	if err != nil {
		return err
	}
	c.sandbox = received[0]
	return c.inSandbox(func() (err error) {
		c.target, err = syscall.Open(c.Folder, oPath|syscall.O_DIRECTORY|syscall.O_CLOEXEC, 0)
		return err
	})
}

// renew replaces the copy, unless nothing was ever written to it.
func (c *copies) renew() error {
	var now syscall.Stat_t
	if c.upper != 0 && syscall.Fstat(c.upper, &now) == nil && now.Ctim == c.pristine {
		return nil // all that is written needs an entry in this folder, or changes the folder itself
	}
	old, oldUpper := c.copy, c.upper
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
		err = errors.Join(err, syscall.Close(old), syscall.Close(oldUpper))
	}
	return err
}

// mount makes a new copy, which is not in any namespace yet.
func (c *copies) mount() error {
	var folder syscall.Stat_t
	if err := syscall.Stat("lower", &folder); err != nil {
		return err
	}
	if err := mountTmpfs("own", fmt.Sprintf("mode=700,size=%d", c.Bytes)); err != nil {
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
	if err := syscall.Mount("overlay", "copy", "overlay", syscall.MS_NOSUID|syscall.MS_NODEV, options); err != nil {
		return fmt.Errorf("overlay: %w", err)
	}
	defer syscall.Unmount("copy", syscall.MNT_DETACH)
	if c.copy, err = openTree("copy"); err != nil {
		return err
	}
	if c.upper, err = syscall.Open("own/upper", oPath|syscall.O_DIRECTORY|syscall.O_CLOEXEC, 0); err != nil {
		return err
	}
	var state syscall.Stat_t
	err = syscall.Fstat(c.upper, &state)
	c.pristine = state.Ctim
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
	err := errors.Join(os.MkdirAll(to, 0o700), replicate(from, to, ""))
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

// inSandbox calls action in the sandbox's mount namespace.
func (c *copies) inSandbox(action func() error) error {
	if err := setNamespace(c.sandbox); err != nil {
		return err
	}
	err := action()
	return errors.Join(err, setNamespace(c.home), syscall.Fchdir(c.base))
}
