package main

import (
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
	if os.Geteuid() == 0 {
		return // may list all folders
	}
	used = usage{}
	used.addFolder(folder, false)
	if !used.unseen || used.size > 2*size {
		t.Errorf("%+v", used)
	}
}
