package landlock

import (
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"strings"
	"testing"
)

func TestFilesThatAreNotListedCannotBeOpened(t *testing.T) {
	if os.Getenv("INSIDE") == "" {
		folder := t.TempDir()
		for _, name := range []string{"open", "closed", "own", "partly", "partly/hidden", "partly/open"} {
			os.Mkdir(filepath.Join(folder, name), 0o755)
			os.WriteFile(filepath.Join(folder, name, "file"), []byte("old"), 0o644)
		}
		os.Symlink("file", folder+"/partly/link")
		for _, newest := range []string{"0", "3"} {
			command := exec.Command(os.Args[0], "-test.run=^"+t.Name()+"$")
			command.Env = append(os.Environ(), "INSIDE="+folder, "NEWEST="+newest)
			if output, err := command.CombinedOutput(); err != nil {
				t.Errorf("newest %s: %v: %s", newest, err, output)
			}
		}
		return
	}
	runtime.LockOSThread()
	folder := os.Getenv("INSIDE")
	access := Access{Readable: []string{folder + "/open", folder + "/partly", "/nonexistent"},
		Hidden: []string{folder + "/partly/file", folder + "/partly/hidden"}, Writable: []string{folder + "/own"}, Devices: []string{os.DevNull}}
	if os.Getenv("NEWEST") == "3" {
		access.Newest = 3
	}
	if access.Version() < NeededVersion {
		t.Skip("this kernel has no such Landlock")
	}
	if err := access.Restrict(); err != nil {
		t.Fatal(err)
	}
	for name, want := range map[string]string{"open": "r", "closed": "", "own": "rw", "partly": "", "partly/hidden": "", "partly/open": "r"} {
		got := ""
		path := filepath.Join(folder, name, "file")
		if _, err := os.ReadFile(path); err == nil {
			got += "r"
		}
		if os.WriteFile(path, nil, 0o644) == nil && os.Truncate(path, 0) == nil {
			got += "w"
		}
		if got != want {
			t.Errorf("%s: %q instead of %q", name, got, want)
		}
	}
	if entries, err := os.ReadDir(folder + "/partly"); len(entries) != 4 {
		t.Error(entries, err)
	}
	if _, err := os.ReadFile(folder + "/partly/link"); err == nil {
		t.Error("read a hidden file by a link")
	}
	if err := os.WriteFile(os.DevNull, []byte("x"), 0); err != nil {
		t.Error(err)
	}
}

func TestAnOldVersionIsRefused(t *testing.T) {
	if err := (Access{Newest: 2}).Restrict(); err == nil || !strings.Contains(err.Error(), "Linux 6.2") {
		t.Error(err)
	}
}
