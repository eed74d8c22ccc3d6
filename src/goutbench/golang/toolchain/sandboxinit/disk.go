package main

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"strconv"
	"strings"
	"syscall"
	"time"

	"goutbench/sandboxinit/broker"
)

const (
	diskEvery = 20 * time.Millisecond
	maxDepth  = 500 // of nested folders; we may open 1024 files, and the broker needs some

	// maxBlind is how many looks in a row may miss something although all folders are made readable, while the disk has lost more
	// than a run may write. Honest tests do not nest folders that deep, and if one replaces a folder just while we look, the next
	// look is complete.
	maxBlind = 3
)

// watchDisk kills a run that has written too much, or too many files.
func (c *Confinement) watchDisk(pid int, done <-chan struct{}) {
	watch := diskWatch{Confinement: c, before: freeSpace(c.Disk)}
	for wait := diskEvery; ; {
		select {
		case <-done:
			return
		case <-time.After(wait):
		}
		begin := time.Now()
		if used, tooMuch := watch.look(); tooMuch {
			syscall.Kill(-pid, syscall.SIGKILL)
			fmt.Fprintf(os.Stderr, "killed: it wrote %d MiB in %d files%s\n", used.size>>20, used.files, used.more())
			return
		}
		wait = min(max(diskEvery, 20*time.Since(begin)), time.Second/2)
	}
}

// diskWatch is what the looks at one run's files know of each other.
type diskWatch struct {
	*Confinement
	before int64 // free bytes at the start
	blind  int   // see maxBlind
}

// look tells what is on disk, and whether that is more than the run may write.
func (w *diskWatch) look() (used usage, tooMuch bool) {
	used = w.written(false)
	hidden := used.unseen && w.before-freeSpace(w.Disk) > w.Bytes
	if hidden {
		used = w.written(true) // not always: for a moment, tests would find folders readable that are not
	}
	if hidden && used.unseen {
		w.blind++
	} else {
		w.blind = 0
	}
	return used, w.blind == maxBlind || used.size > w.Bytes || used.files > max(1024, w.Bytes/bytesPerFile)
}

// freeSpace is what a folder's file system has left, in bytes.
func freeSpace(folder string) int64 {
	var state syscall.Statfs_t
	syscall.Statfs(folder, &state)
	return int64(state.Bavail) * int64(state.Bsize) // its type depends on the architecture
}

// usage is what runs have on disk. `unseen` tells that something there could not be looked at.
type usage struct {
	size, files int64
	unseen      bool
}

func (u *usage) add(info fs.FileInfo) {
	u.size += info.Sys().(*syscall.Stat_t).Blocks * 512
	u.files++
}

// more is what to say after the numbers.
func (u *usage) more() string {
	if u.unseen {
		return ", and some that cannot be looked at"
	}
	return ""
}

// failed takes note of an error. What has just been removed is not on disk any more; all else is, and out of sight.
func (u *usage) failed(err error) {
	u.unseen = u.unseen || err != nil && !errors.Is(err, fs.ErrNotExist)
}

// addFolder adds all that is in a folder, however long its path is there. With `open`, folders that cannot be listed are made
// readable meanwhile.
func (u *usage) addFolder(path string, open bool) {
	fd, err := syscall.Open(path, oPath|syscall.O_DIRECTORY|syscall.O_CLOEXEC, 0)
	u.failed(err)
	if err == nil {
		defer syscall.Close(fd)
		u.addOpened(fd, open, 1)
	}
}

// addOpened adds what is in an opened folder. We are not confined, and tests replace folders by links at any moment: so a path
// never leads further than to a name in an opened folder, and is not followed there. A mode is read and set by the descriptor
// alone: whatever has the name by then, it is this folder that is changed.
func (u *usage) addOpened(fd int, open bool, depth int) {
	path := broker.DescriptorPath(fd)
	var state syscall.Stat_t
	if open && syscall.Fstat(fd, &state) == nil && state.Mode&0o500 != 0o500 {
		mode := state.Mode & 0o7777
		if syscall.Chmod(path, mode|0o500) == nil {
			defer syscall.Chmod(path, mode)
		}
	}
	entries, err := os.ReadDir(path)
	u.failed(err)
	for _, entry := range entries {
		info, err := entry.Info() // of a link itself
		u.failed(err)
		if err != nil {
			continue
		}
		u.add(info)
		if info.IsDir() {
			u.addBelow(fd, entry.Name(), open, depth)
		}
	}
}

// addBelow adds what is in a folder of an opened one, unless it is nested too deep: each level needs a descriptor meanwhile.
func (u *usage) addBelow(folder int, name string, open bool, depth int) {
	if depth == maxDepth {
		u.unseen = true
		return
	}
	fd, err := syscall.Openat(folder, name, oPath|syscall.O_NOFOLLOW|syscall.O_DIRECTORY|syscall.O_CLOEXEC, 0)
	u.failed(err)
	if err == nil {
		defer syscall.Close(fd)
		u.addOpened(fd, open, depth+1)
	}
}

// written is what the runs have on disk: bytes and files, those too that have no name any more.
func (c *Confinement) written(open bool) usage {
	var used usage
	used.addFolder(c.Disk, open)
	for pid := range broker.Descendants() {
		folder := "/proc/" + strconv.Itoa(pid) + "/fd/"
		names, _ := namesIn(folder)
		for _, name := range names {
			if link, err := os.Readlink(folder + name); err == nil && strings.HasPrefix(link, c.Disk) && strings.HasSuffix(link, " (deleted)") {
				if info, err := os.Stat(folder + name); err == nil { // or it has been closed, or the process has ended
					used.add(info)
				}
			}
		}
	}
	return used
}
