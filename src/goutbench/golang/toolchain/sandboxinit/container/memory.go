package container

import (
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
)

const cgroups = "/sys/fs/cgroup"

// memoryCounters returns the files that count what the kernel killed in the cgroup of a process because its memory was exhausted, in
// version 2 or version 1 of cgroups.
func memoryCounters(pid int) []string {
	text, _ := os.ReadFile(fmt.Sprintf("/proc/%d/cgroup", pid))
	var files []string
	for _, line := range strings.Split(string(text), "\n") {
		fields := strings.SplitN(line, ":", 3)
		if len(fields) < 3 {
			continue
		}
		if fields[1] == "" {
			files = append(files, filepath.Join(cgroups, fields[2], "memory.events"))
		} else if slices.Contains(strings.Split(fields[1], ","), "memory") {
			files = append(files, filepath.Join(cgroups, "memory", fields[2], "memory.oom_control"))
		}
	}
	return files
}

func anyKilled(counters []string) bool {
	return slices.ContainsFunc(counters, func(file string) bool {
		text, _ := os.ReadFile(file)
		return slices.ContainsFunc(strings.Split(string(text), "\n"), func(line string) bool {
			count, found := strings.CutPrefix(line, "oom_kill ")
			return found && count != "0"
		})
	})
}
