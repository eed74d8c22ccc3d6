package main

import (
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"time"

	"goutbench/sandboxinit/broker"
)

const (
	diskEvery = 20 * time.Millisecond
	longPath  = 2000 // bytes; the kernel allows 4095
)

// watchDisk kills a run that has written too much, or too many files.
func (c *Confinement) watchDisk(pid int, done <-chan struct{}) {
	before := freeSpace(c.Disk)
	for wait := diskEvery; ; {
		select {
		case <-done:
			return
		case <-time.After(wait):
		}
		begin := time.Now()
		used := c.written(false)
		if used.unseen && before-freeSpace(c.Disk) > c.Bytes {
			used = c.written(true) // not always: for a moment, tests would find folders readable that are not
		}
		if used.size > c.Bytes || used.files > max(1024, c.Bytes/bytesPerFile) {
			syscall.Kill(-pid, syscall.SIGKILL)
			fmt.Fprintf(os.Stderr, "killed: it wrote %d MiB in %d files\n", used.size>>20, used.files)
			return
		}
		wait = min(max(diskEvery, 20*time.Since(begin)), time.Second/2)
	}
}

// freeSpace is what a folder's file system has left, in bytes.
func freeSpace(folder string) int64 {
	var state syscall.Statfs_t
	syscall.Statfs(folder, &state)
	return int64(state.Bavail) * int64(state.Bsize) // its type depends on the architecture
}

// usage is what runs have on disk. `unseen` tells that there is a folder that we may not list.
type usage struct {
	size, files int64
	unseen      bool
}

func (u *usage) add(info fs.FileInfo, err error) {
	if err == nil {
		u.size += info.Sys().(*syscall.Stat_t).Blocks * 512
		u.files++
	}
}

// addFolder adds all that is in a folder, however long its path is there. With `open`, folders that cannot be listed are made
// readable meanwhile.
func (u *usage) addFolder(folder string, open bool) {
	filepath.WalkDir(folder, func(path string, entry fs.DirEntry, err error) error {
		if err != nil {
			u.unseen = u.unseen || os.IsPermission(err)
			return nil
		}
		info, err := entry.Info()
		u.add(info, err)
		if err != nil || !entry.IsDir() {
			return nil
		}
		if mode := info.Mode(); open && mode&0o500 != 0o500 && os.Chmod(path, mode|0o500) == nil {
			defer os.Chmod(path, mode)
			u.addBelow(path, open)
			return fs.SkipDir
		}
		if len(path) > longPath {
			u.addBelow(path, open)
			return fs.SkipDir
		}
		return nil
	})
}

// addBelow adds what is in a folder, under a short path.
func (u *usage) addBelow(path string, open bool) {
	file, err := os.Open(path)
	if err != nil {
		u.unseen = u.unseen || os.IsPermission(err)
		return
	}
	defer file.Close()
	u.addFolder(fmt.Sprintf("/proc/self/fd/%d/.", file.Fd()), open)
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
				used.add(os.Stat(folder + name))
			}
		}
	}
	return used
}
