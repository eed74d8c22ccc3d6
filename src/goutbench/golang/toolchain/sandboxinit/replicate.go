package main

import (
	"errors"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
)

// replicate copies what is in a folder, with modes and times. Where `core` is not empty, it copies in full only this folder below
// `from`; above it, files are copied and other folders become links to the originals. `replaced` are files by their paths below
// `from`, and what is copied in their place.
func replicate(from, to, core string, replaced map[string]string) error {
	var folders []string
	err := filepath.WalkDir(from, func(path string, entry fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		relative := strings.TrimPrefix(strings.TrimPrefix(path, from), "/")
		target := filepath.Join(to, relative)
		switch other, found := replaced[relative]; {
		case found:
			return errors.Join(copyContent(other, target), copyState(path, target))
		case !entry.IsDir():
			return copyEntry(path, target, entry)
		case core != "" && relative != "" && !within(core, relative) && !within(relative, core):
			if err := os.Symlink(path, target); err != nil {
				return err
			}
			return filepath.SkipDir
		}
		folders = append(folders, relative)
		if err := os.Mkdir(target, 0o700); err != nil && !os.IsExist(err) {
			return err
		}
		return nil
	})
	for i := len(folders) - 1; i >= 0 && err == nil; i-- { // last, because copying into a folder needs its mode and changes its time
		err = copyState(filepath.Join(from, folders[i]), filepath.Join(to, folders[i]))
	}
	return err
}

// within tells whether a path is another one or below it.
func within(path, folder string) bool {
	return path == folder || strings.HasPrefix(path, folder+"/")
}

func copyEntry(path, target string, entry fs.DirEntry) error {
	if entry.Type()&fs.ModeSymlink != 0 {
		link, err := os.Readlink(path)
		if err != nil {
			return err
		}
		return os.Symlink(link, target)
	}
	if !entry.Type().IsRegular() {
		return nil
	}
	err := copyContent(path, target)
	if os.IsPermission(err) { // the copy cannot be read either
		return os.Chmod(target, 0)
	}
	if err != nil {
		return err
	}
	return copyState(path, target)
}

func copyContent(path, target string) error {
	file, err := os.OpenFile(target, os.O_WRONLY|os.O_CREATE|os.O_EXCL, 0o600)
	if err != nil {
		return err
	}
	source, err := os.Open(path)
	if err != nil {
		file.Close()
		return err
	}
	defer source.Close()
	_, err = io.Copy(file, source)
	if closed := file.Close(); err == nil {
		err = closed
	}
	return err
}

func copyState(path, target string) error {
	state, err := os.Stat(path)
	if err != nil {
		return err
	}
	// the root of a file system that root mounted keeps its mode and time
	if err := os.Chmod(target, state.Mode().Perm()); err != nil && !os.IsPermission(err) {
		return err
	}
	if err := os.Chtimes(target, state.ModTime(), state.ModTime()); err != nil && !os.IsPermission(err) {
		return err
	}
	return nil
}
