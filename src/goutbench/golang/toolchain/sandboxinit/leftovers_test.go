package main

import (
	"os"
	"path/filepath"
	"syscall"
	"testing"
)

func TestEmptyKeepsWhatIsMounted(t *testing.T) {
	folder := t.TempDir()
	for _, name := range []string{"above/mounted", "above/gone/deeper", "closed/inside"} {
		if err := os.MkdirAll(filepath.Join(folder, name), 0o755); err != nil {
			t.Fatal(err)
		}
	}
	os.WriteFile(filepath.Join(folder, "above/mounted/file"), nil, 0o644)
	os.Symlink("/", filepath.Join(folder, "link"))
	syscall.Mkfifo(filepath.Join(folder, "fifo"), 0o600)
	os.Chmod(filepath.Join(folder, "closed/inside"), 0)
	if err := empty(folder, []string{filepath.Join(folder, "above/mounted")}); err != nil {
		t.Fatal(err)
	}
	for name, want := range map[string]bool{"above/mounted/file": true, "above/gone": false, "closed": false, "link": false, "fifo": false} {
		if _, err := os.Lstat(filepath.Join(folder, name)); (err == nil) != want {
			t.Errorf("%s: %v", name, err)
		}
	}
}

func TestReplicateKeepsModesTimesAndLinks(t *testing.T) {
	from, to := t.TempDir(), t.TempDir()
	os.MkdirAll(filepath.Join(from, "core/closed"), 0o755)
	os.MkdirAll(filepath.Join(from, "other"), 0o755)
	os.WriteFile(filepath.Join(from, "core/run.sh"), []byte("run"), 0o755)
	os.Symlink("run.sh", filepath.Join(from, "core/link"))
	os.Chmod(filepath.Join(from, "core/closed"), 0o555)
	if err := replicate(from, to, "core", nil); err != nil {
		t.Fatal(err)
	}
	for _, name := range []string{"core", "core/closed", "core/run.sh"} {
		one, _ := os.Stat(filepath.Join(from, name))
		other, err := os.Stat(filepath.Join(to, name))
		if err != nil || one.Mode() != other.Mode() || !one.ModTime().Equal(other.ModTime()) {
			t.Errorf("%s: %v %v", name, other, err)
		}
	}
	if target, err := os.Readlink(filepath.Join(to, "other")); err != nil || target != filepath.Join(from, "other") {
		t.Error(target, err)
	}
	if target, _ := os.Readlink(filepath.Join(to, "core/link")); target != "run.sh" {
		t.Error(target)
	}
}

func TestPathsOfMountsAreUnescaped(t *testing.T) {
	if got := unescaped.Replace(`/a\040b\011c\012d\134040`); got != "/a b\tc\nd\\040" {
		t.Errorf("got %q", got)
	}
}
