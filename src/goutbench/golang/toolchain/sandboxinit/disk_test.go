package main

import (
	"errors"
	"os"
	"strings"
	"syscall"
	"testing"
)

func TestFilesCountHoweverDeepAndHiddenTheyAre(t *testing.T) {
	start, err := os.Getwd()
	if err != nil {
		t.Fatal(err)
	}
	folder, name := t.TempDir(), strings.Repeat("n", 100)
	defer os.Chdir(start)
	if err := os.Chdir(folder); err != nil {
		t.Fatal(err)
	}
	const depth, size = 200, 1 << 16
	for range depth {
		if err := syscall.Mkdir(name, 0o755); err != nil {
			t.Fatal(err)
		}
		if err := syscall.Chdir(name); err != nil {
			t.Fatal(err)
		}
	}
	if err := syscall.Mkdir("closed", 0o700); err != nil {
		t.Fatal(err)
	}
	for _, path := range []string{"file", "closed/file"} {
		if err := os.WriteFile(path, make([]byte, size), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	if err := os.Chmod("closed", 0o300); err != nil {
		t.Fatal(err)
	}
	var used usage
	used.addFolder(folder, true)
	if used.unseen || used.size < 2*size || used.files < depth+3 {
		t.Errorf("%+v", used)
	}
	if info, err := os.Stat("closed"); err != nil || info.Mode().Perm() != 0o300 {
		t.Errorf("the folder has another mode: %v %v", info, err)
	}
	defer os.Chmod("closed", 0o700) // so that it can be removed
	if os.Geteuid() == 0 {
		return // may list all folders
	}
	all := used.size
	used = usage{}
	used.addFolder(folder, false)
	if !used.unseen || used.size > all-size {
		t.Errorf("%+v", used)
	}
}

func TestALinkInPlaceOfAClosedFolderIsNotFollowed(t *testing.T) {
	folder, host := t.TempDir(), t.TempDir()
	if err := os.WriteFile(host+"/file", make([]byte, 1<<20), 0o600); err != nil {
		t.Fatal(err)
	}
	if err := errors.Join(os.Chmod(host, 0o300), os.Symlink(host, folder+"/link")); err != nil {
		t.Fatal(err)
	}
	defer os.Chmod(host, 0o700)
	before, err := os.Stat(host)
	if err != nil {
		t.Fatal(err)
	}
	fd, err := syscall.Open(folder, oPath|syscall.O_DIRECTORY, 0)
	if err != nil {
		t.Fatal(err)
	}
	defer syscall.Close(fd)
	var used usage
	used.addBelow(fd, "link", true, 1) // what was a folder when its name was read
	if !used.unseen || used.files > 0 {
		t.Errorf("%+v", used)
	}
	swapping, swapped := make(chan struct{}), make(chan error)
	go func() { swapped <- swapFolders(folder, host, swapping) }()
	for range 2000 {
		used = usage{}
		used.addFolder(folder, true)
		if used.size >= 1<<20 {
			t.Errorf("counted what is outside: %+v", used)
			break
		}
	}
	close(swapping)
	if err := <-swapped; err != nil {
		t.Fatal(err)
	}
	// the time tells of changes that have been undone, too
	if after, err := os.Stat(host); err != nil || *changed(after) != *changed(before) || after.Mode() != before.Mode() {
		t.Errorf("the folder outside was changed: %v %v", after, err)
	}
}

func changed(info os.FileInfo) *syscall.Timespec { return &info.Sys().(*syscall.Stat_t).Ctim }

// swapFolders makes a name mean a closed folder and a link to another one in turn.
func swapFolders(folder, target string, stop <-chan struct{}) error {
	name, aside := folder+"/swapped", folder+"/aside"
	if err := os.Mkdir(name, 0o300); err != nil {
		return err
	}
	for {
		select {
		case <-stop:
			return nil
		default:
		}
		err := errors.Join(os.Rename(name, aside), os.Symlink(target, name), os.Remove(name), os.Rename(aside, name))
		if err != nil {
			return err
		}
	}
}

func TestFoldersNestedTooDeepAreNotSkippedSilently(t *testing.T) {
	start, err := os.Getwd()
	if err != nil {
		t.Fatal(err)
	}
	folder := t.TempDir()
	defer os.Chdir(start)
	if err := os.Chdir(folder); err != nil {
		t.Fatal(err)
	}
	const depth, closed = 1100, 0o300
	for range depth {
		if err := errors.Join(syscall.Mkdir("d", 0o700), os.Chmod("d", closed), syscall.Chdir("d")); err != nil {
			t.Fatal(err)
		}
	}
	var used usage
	used.addFolder(folder, true)
	if !used.unseen || used.files != maxDepth {
		t.Errorf("%+v", used)
	}
	if err := os.Chdir(folder); err != nil {
		t.Fatal(err)
	}
	for level := range depth { // so that they can be removed
		if info, err := os.Stat("d"); err != nil || info.Mode().Perm() != closed {
			t.Fatalf("at level %d: %v %v", level, info, err)
		}
		if err := errors.Join(os.Chmod("d", 0o700), syscall.Chdir("d")); err != nil {
			t.Fatal(err)
		}
	}
}

func TestWhatCannotBeLookedAtIsTooMuchWhenTheDiskHasLostMoreThanARunMayWrite(t *testing.T) {
	folder := t.TempDir()
	if err := os.MkdirAll(folder+strings.Repeat("/d", maxDepth+1), 0o700); err != nil {
		t.Fatal(err)
	}
	c := &Confinement{Disk: folder, Bytes: 1 << 30}
	for before, lost := range map[int64]bool{freeSpace(folder): false, 1 << 62: true} {
		watch := diskWatch{Confinement: c, before: before}
		for look := range maxBlind {
			used, tooMuch := watch.look()
			if tooMuch != (lost && look == maxBlind-1) || !used.unseen {
				t.Errorf("lost %v, look %d: %+v %v", lost, look, used, tooMuch)
			}
		}
	}
}
