package pkg

import (
	"errors"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"
)

func must(t *testing.T, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

func read(t *testing.T, path string) string {
	t.Helper()
	data, err := os.ReadFile(path)
	must(t, err)
	return string(data)
}

// Every run leaves files wherever it can, and fails if an earlier run has.
func TestNothingIsLeftByAnEarlierRun(t *testing.T) {
	for _, folder := range []string{".", "testdata", "..", os.TempDir(), os.Getenv("HOME"), "/dev/shm"} {
		if folder == "/dev/shm" && os.TempDir() != "/tmp" {
			continue // a sandbox that cannot mount anything has none
		}
		path := filepath.Join(folder, "left")
		if _, err := os.Lstat(path); !errors.Is(err, fs.ErrNotExist) {
			t.Errorf("%s: %v", path, err)
		}
		if !Put(path, "left") || read(t, path) != "left" {
			t.Errorf("%s cannot be written", path)
		}
	}
}

func TestFilesOfTheRepositoryChange(t *testing.T) {
	before, err := os.Stat("testdata/golden.txt")
	must(t, err)
	if !Put("testdata/golden.txt", "updated") || read(t, "testdata/golden.txt") != "updated" {
		t.Error("not updated")
	}
	after, err := os.Stat("testdata/golden.txt")
	must(t, err)
	if !os.SameFile(before, after) {
		t.Error("a file that is written to becomes another file")
	}
	file, err := os.OpenFile("testdata/golden.txt", os.O_APPEND|os.O_WRONLY, 0)
	must(t, err)
	_, err = file.WriteString("+")
	must(t, err)
	must(t, file.Close())
	if got := read(t, "testdata/golden.txt"); got != "updated+" {
		t.Error(got)
	}
	must(t, os.Remove("testdata/golden.txt"))
	if !Put("testdata/golden.txt", "new") {
		t.Error("not created again")
	}
}

func TestFoldersOfTheRepositoryMove(t *testing.T) {
	must(t, os.Rename("testdata/deep", "testdata/moved"))
	if read(t, "testdata/moved/x.txt") != "x\n" {
		t.Error("contents lost")
	}
	must(t, os.Rename("testdata/moved", "elsewhere"))
	must(t, os.RemoveAll("elsewhere"))
	must(t, os.MkdirAll("testdata/deep/er", 0o755))
	if entries, _ := os.ReadDir("testdata/deep"); len(entries) != 1 {
		t.Error("a removed folder has come back:", entries)
	}
	must(t, os.Remove("../other/other.txt"))
	must(t, os.Remove("../other"))
	must(t, os.Rename("../tool.sh", "tool.sh"))
	if out, err := exec.Command("./tool.sh").Output(); err != nil || string(out) != "tool\n" {
		t.Error(string(out), err)
	}
}

func TestLinks(t *testing.T) {
	must(t, os.Link("put.go", "hard.txt"))
	must(t, os.Symlink("put.go", "soft.txt"))
	one, _ := os.Stat("put.go")
	for _, name := range []string{"hard.txt", "soft.txt"} {
		if other, err := os.Stat(name); err != nil || !os.SameFile(one, other) {
			t.Errorf("%s is another file: %v", name, err)
		}
	}
	if !Put("hard.txt", "both") || read(t, "put.go") != "both" {
		t.Error("a hard link has contents of its own")
	}
}

func TestModesOwnersAndTimes(t *testing.T) {
	for path, want := range map[string]fs.FileMode{"go.sum": 0, "put_test.go": 0o644, "../go.mod": 0o644, ".": 0o755, "..": 0o755} {
		if info, err := os.Stat(path); err == nil && info.Mode().Perm() != want {
			t.Errorf("%s: %v", path, info.Mode())
		}
	}
	must(t, os.Chmod("put_test.go", 0o600))
	when := time.Unix(1_000_000_000, 0)
	must(t, os.Chtimes("put_test.go", when, when))
	info, err := os.Stat("put_test.go")
	must(t, err)
	if info.Mode().Perm() != 0o600 || !info.ModTime().Equal(when) {
		t.Error(info.Mode(), info.ModTime())
	}
	must(t, os.Chown("put_test.go", os.Getuid(), os.Getgid()))
}

// An ordinary user may not write where the mode forbids it.
func TestAWriteThatMustFail(t *testing.T) {
	must(t, os.Mkdir("closed", 0o555))
	if Put("closed/file", "") {
		t.Error("a folder without write permission is written to")
	}
	must(t, os.Chmod("../go.mod", 0o444))
	defer os.Chmod("../go.mod", 0o644)
	if Put("../go.mod", "") {
		t.Error("a file without write permission is written to")
	}
	if Put("nowhere/file", "") {
		t.Error("a file in no folder is written to")
	}
}

func TestTheTreeIsThatOfTheRepository(t *testing.T) {
	folder, err := os.Getwd()
	must(t, err)
	if filepath.Base(folder) != "pkg" || folder != os.Getenv("PWD") {
		t.Error(folder)
	}
	files := 0
	must(t, filepath.WalkDir("..", func(path string, entry fs.DirEntry, err error) error {
		if err == nil && !entry.IsDir() && !strings.Contains(path, "left") {
			files++
		}
		return err
	}))
	if files < 4 {
		t.Error("only", files, "files")
	}
	if _, err := os.Stat("../.git"); !errors.Is(err, fs.ErrNotExist) {
		t.Error(err)
	}
}
