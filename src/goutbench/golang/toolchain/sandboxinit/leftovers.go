package main

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"syscall"
)

const homeFolder = "/tmp/home"

// removeLeftovers empties the folders of a sandbox that every run may write to: in a container more than elsewhere. `mounts` are
// the paths that stay there.
func removeLeftovers(mounts []string) error {
	folders := []string{"/tmp", "/dev/shm"}
	for _, folder := range []string{"/var/tmp", "/dev/mqueue"} {
		if slices.Contains(mounts, folder) {
			folders = append(folders, folder)
		}
	}
	for _, folder := range folders {
		os.Chmod(folder, 0o777|os.ModeSticky) // fails where root owns the folder: then no run has changed it
		if err := empty(folder, append(mounts, homeFolder+"/.")); err != nil {
			return fmt.Errorf("what a run has left cannot be removed: %w", err)
		}
	}
	if err := os.Mkdir(homeFolder, 0o755); err != nil && !os.IsExist(err) {
		return err
	}
	return nil
}

const filledBytes = 4 << 20 // less than the smallest program's packages take

// isFilled tells whether go commands have compiled more than a few files into a build cache.
func isFilled(cache string) bool {
	var size int64
	folders, _ := filepath.Glob(cache + "/[0-9a-f][0-9a-f]")
	for _, folder := range folders {
		entries, _ := os.ReadDir(folder)
		for _, entry := range entries {
			if info, err := entry.Info(); err == nil && info.Mode().IsRegular() {
				size += info.Size()
			}
			if size >= filledBytes {
				return cache != ""
			}
		}
	}
	return false
}

// unescaped undoes what the kernel does to the paths in mountinfo.
var unescaped = strings.NewReplacer(`\040`, " ", `\011`, "\t", `\012`, "\n", `\134`, `\`)

// mountPoints returns the paths at which file systems are mounted.
func mountPoints() []string {
	text, _ := os.ReadFile("/proc/self/mountinfo")
	var points []string
	for _, line := range strings.Split(string(text), "\n") {
		if fields := strings.Fields(line); len(fields) > 4 {
			points = append(points, unescaped.Replace(fields[4]))
		}
	}
	return points
}

// empty removes what is in a folder, except for the paths `kept` and the folders above them.
func empty(folder string, kept []string) error {
	names, err := namesIn(folder)
	for len(names) > 0 && err == nil {
		name := names[len(names)-1]
		names = names[:len(names)-1]
		path := filepath.Join(folder, name)
		keep, above := isKept(path, kept)
		var state syscall.Stat_t
		if err = syscall.Lstat(path, &state); err != nil {
			break
		}
		switch isFolder := state.Mode&syscall.S_IFMT == syscall.S_IFDIR; {
		case above && isFolder:
			os.Chmod(path, 0o755)
			err = empty(path, kept)
		case keep:
		case !isFolder:
			err = syscall.Unlink(path)
		default:
			var more []string
			more, err = unpack(path, folder)
			names = append(names, more...)
		}
	}
	return err
}

// unpack removes a folder; the folders in it, which may be nested deeper than a path can be long, move up. It returns their new names.
func unpack(path, up string) ([]string, error) {
	if err := os.Chmod(path, 0o700); err != nil {
		return nil, err
	}
	names, err := namesIn(path)
	var moved []string
	for _, name := range names {
		child := filepath.Join(path, name)
		if syscall.Unlink(child) == nil {
			continue
		}
		os.Chmod(child, 0o700) // a folder that cannot be written cannot be moved
		free, failed := moveUp(child, up)
		if failed != nil {
			return nil, failed
		}
		moved = append(moved, free)
	}
	return moved, errors.Join(err, syscall.Rmdir(path))
}

var movedUp int

func moveUp(path, folder string) (string, error) {
	for {
		movedUp++
		name := fmt.Sprintf("leftover-%d", movedUp)
		err := syscall.Rename(path, filepath.Join(folder, name))
		if err != syscall.ENOTEMPTY && err != syscall.EEXIST && err != syscall.ENOTDIR {
			return name, err
		}
	}
}

func namesIn(folder string) ([]string, error) {
	file, err := os.Open(folder)
	if err != nil {
		return nil, err
	}
	defer file.Close()
	return file.Readdirnames(-1)
}

// isKept tells whether a path stays, and whether it does so because of what is below it.
func isKept(path string, kept []string) (keep, above bool) {
	for _, one := range kept {
		above = above || strings.HasPrefix(one, path+"/")
		keep = keep || one == path
	}
	return keep || above, above && !keep
}
