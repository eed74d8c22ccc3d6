package branches

import (
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
)

// A Job is what RunCover reads: the plan for a focal file, and an id of both this program and the plan.
type Job struct {
	Plan
	Focal   string `json:"focal"`
	Version string `json:"version"`
}

// RunCover runs in the place of go tool cover (go test -toolexec) and adds the counters of a job to what it writes. If they
// cannot be added, the output is that of go tool cover alone, and nothing says that an outcome was measured.
func RunCover(jobPath, tool string, args []string) int {
	if slices.Contains(args, "-V=full") {
		return version(jobPath, tool, args)
	}
	job, err := readJob(jobPath)
	if err == nil && slices.Contains(args, job.Focal) {
		if err = job.cover(tool, args); err == nil {
			return 0
		}
		fmt.Fprintln(os.Stderr, "no branches:", err)
	}
	return run(tool, args)
}

func readJob(path string) (job Job, err error) {
	text, err := os.ReadFile(path)
	if err != nil {
		return job, err
	}
	return job, json.Unmarshal(text, &job)
}

func run(tool string, args []string) int {
	command := exec.Command(tool, args...)
	command.Stdout, command.Stderr = os.Stdout, os.Stderr
	err := command.Run()
	var exit *exec.ExitError
	if errors.As(err, &exit) {
		return exit.ExitCode()
	}
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		return 1
	}
	return 0
}

// version answers as another tool than go tool cover: the build cache keeps what the two make apart.
func version(jobPath, tool string, args []string) int {
	out, err := exec.Command(tool, args...).Output()
	job, problem := readJob(jobPath)
	if err := errors.Join(err, problem); err != nil {
		fmt.Fprintln(os.Stderr, err)
		return 1
	}
	fmt.Printf("%s+%s\n", strings.TrimSpace(string(out)), job.Version)
	return 0
}

// cover runs go tool cover on the focal file with storage at its end, and instruments what it writes.
func (job *Job) cover(tool string, args []string) error {
	at := slices.Index(args, job.Focal)
	output, err := outputOf(args, at)
	if err != nil {
		return err
	}
	source, err := os.ReadFile(job.Focal)
	if err != nil {
		return err
	}
	folder, err := os.MkdirTemp(filepath.Dir(output), "goutbench")
	if err != nil {
		return err
	}
	total := 0
	for _, branch := range job.Branches {
		total += len(branch.Outcomes)
	}
	staged := filepath.Join(folder, filepath.Base(job.Focal))
	if err := os.WriteFile(staged, append(source, storage(job.Prefix, total)...), 0o600); err != nil {
		return err
	}
	changed := slices.Clone(args)
	changed[at] = staged
	if code := run(tool, changed); code != 0 {
		return fmt.Errorf("go tool cover exits with %d", code)
	}
	covered, err := os.ReadFile(output)
	if err != nil {
		return err
	}
	text, err := instrument(strings.Replace(string(covered), "//line "+staged+":", "//line "+job.Focal+":", 1), &job.Plan)
	if err != nil {
		return err
	}
	return os.WriteFile(output, []byte(text), 0o600)
}

// outputOf is the file that go tool cover writes for the argument at. The first file of the list is not made from a source.
func outputOf(args []string, at int) (string, error) {
	list := slices.Index(args, "-outfilelist")
	if list < 0 || list+2 > at {
		return "", errors.New("go tool cover has no -outfilelist")
	}
	names, err := os.ReadFile(args[list+1])
	if err != nil {
		return "", err
	}
	outputs := strings.Split(strings.TrimSpace(string(names)), "\n")
	if len(outputs) != len(args)-(list+2)+1 {
		return "", errors.New("the files of -outfilelist are not those of the arguments")
	}
	return outputs[at-(list+2)+1], nil
}
