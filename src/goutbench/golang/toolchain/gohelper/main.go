// Command gohelper answers questions about Go packages: it reads one request per line from standard input, as JSON, and
// writes one answer per line to standard output.
//
// It runs no code of the package or of the candidate; it only parses and type-checks. Its parent process limits its memory
// and its time, and starts another process when it ends.
//
// As "gohelper cover JOB TOOL ARGUMENTS" it runs go tool cover instead, and adds counters of branches.
package main

import (
	"bufio"
	"encoding/json"
	"errors"
	"fmt"
	"go/build"
	"io"
	"os"
	"path/filepath"
	"runtime/debug"
	"slices"
	"strconv"
	"strings"

	"goutbench/gohelper/branches"
	"goutbench/gohelper/coverage"
	"goutbench/gohelper/mutation"
	"goutbench/gohelper/packages"
	"goutbench/gohelper/typecheck"
)

type request struct {
	Op      string   `json:"op"`
	Go      string   `json:"go"`
	Dir     string   `json:"dir"`
	Dirs    []string `json:"dirs"`
	Flags   []string `json:"flags"`
	Work    string   `json:"work"`
	Name    string   `json:"name"`
	Source  []byte   `json:"source"`
	Removed []string `json:"removed"`
	Switch  string   `json:"switch"`
	Key     string   `json:"key"`
	Env     string   `json:"env"`

	IgnoreTexts bool `json:"ignore_texts"`
}

// A failure is the answer to a request that the helper cannot answer.
type failure struct {
	Infra string `json:"infra,omitempty"`
}

func main() {
	if len(os.Args) > 3 && os.Args[1] == "cover" {
		os.Exit(branches.RunCover(os.Args[2], os.Args[3], os.Args[4:]))
	}
	if limit, err := strconv.ParseInt(os.Getenv("GOUTBENCH_HELPER_MEMORY"), 10, 64); err == nil {
		debug.SetMemoryLimit(limit / 10 * 9)
	}
	// deep nesting must end this process soon, not after a gigabyte of stack
	debug.SetMaxStack(256 << 20)
	debug.SetGCPercent(200)
	serve(os.Stdin, os.Stdout)
}

// serve answers requests until the input ends or the output fails.
func serve(input io.Reader, output io.Writer) {
	in := bufio.NewReaderSize(input, 1<<20)
	out := json.NewEncoder(output)
	sessions := &sessions{byKey: map[string]*session{}}
	for {
		line, err := in.ReadBytes('\n')
		if err != nil {
			return
		}
		var req request
		if err := json.Unmarshal(line, &req); err != nil {
			out.Encode(failure{"not a request: " + err.Error()})
			continue
		}
		if err := out.Encode(sessions.answer(&req)); err != nil {
			return
		}
	}
}

// A session is one module with its checker.
type session struct {
	module  *packages.Module
	checker *typecheck.Checker
}

// sessions are the most recent sessions, by module root, workspace file and build flags.
type sessions struct {
	byKey map[string]*session
	order []string // keys, the oldest first
}

const maxSessions = 4

// answer recovers from panics (bugs of the type checker with a strange candidate): the process continues, without the
// session, whose data may be inconsistent.
func (s *sessions) answer(req *request) (reply any) {
	switch req.Op {
	case "operators":
		return map[string][]mutation.Operator{"operators": mutation.Operators()}
	case "match":
		return matchFile(req)
	case "blocks":
		blocks, err := coverage.Blocks(req.Go, filepath.Join(req.Dir, req.Name))
		if err != nil {
			return failure{err.Error()}
		}
		return map[string][]coverage.Block{"blocks": blocks}
	}
	defer func() {
		if problem := recover(); problem != nil {
			s.forget(req)
			reply = failure{fmt.Sprintf("the helper panicked: %.300v", problem)}
		}
	}()
	current, err := s.of(req)
	if err != nil {
		return failure{err.Error()}
	}
	module := current.module
	switch req.Op {
	case "warm":
		if err := module.LoadDirs(req.Dirs); err != nil {
			return failure{err.Error()}
		}
		return map[string]int{"packages": module.Count()}
	case "load":
		if err := module.Load(req.Dir, req.Name, req.Source); err != nil {
			return failure{err.Error()}
		}
		return failure{}
	case "check":
		return current.checker.Check(&typecheck.Request{Dir: req.Dir, Name: req.Name, Source: req.Source, Removed: req.Removed})
	case "branches":
		return branches.NewPlan(module, req.Dir, req.Name)
	case "mutate":
		return mutation.NewPlan(module, &mutation.Request{
			Dir: req.Dir, Name: req.Name, Switch: req.Switch, Env: req.Env, Key: req.Key, IgnoreTexts: req.IgnoreTexts,
		})
	}
	return failure{"unknown request: " + req.Op}
}

// of returns the session for a request. It drops the oldest session if there are too many, to limit memory.
func (s *sessions) of(req *request) (*session, error) {
	root, key := sessionKey(req)
	if root == "" {
		return nil, errors.New("no go.mod above " + req.Dir)
	}
	if current := s.byKey[key]; current != nil {
		return current, nil
	}
	if len(s.order) == maxSessions {
		delete(s.byKey, s.order[0])
		s.order = s.order[1:]
	}
	module, err := packages.New(root, req.Go, req.Work, req.Flags)
	if err != nil {
		return nil, err
	}
	current := &session{module, typecheck.NewChecker(module)}
	s.byKey[key] = current
	s.order = append(s.order, key)
	return current, nil
}

// A match says whether a file is in the build, and for which system; WithCgo: whether it is if cgo is on.
type match struct {
	Built   bool   `json:"built"`
	WithCgo bool   `json:"with_cgo"`
	System  string `json:"system"`
	Machine string `json:"machine"`
}

func matchFile(req *request) match {
	path, tags := filepath.Join(req.Dir, req.Name), packages.BuildTags(req.Flags)
	built := packages.InBuild(path, req.Source, tags, build.Default.CgoEnabled)
	return match{built, packages.InBuild(path, req.Source, tags, true), build.Default.GOOS, build.Default.GOARCH}
}

func (s *sessions) forget(req *request) {
	_, key := sessionKey(req)
	delete(s.byKey, key)
	s.order = slices.DeleteFunc(s.order, func(other string) bool { return other == key })
}

func sessionKey(req *request) (root, key string) {
	dir := req.Dir
	if dir == "" && len(req.Dirs) > 0 {
		dir = req.Dirs[0]
	}
	root = packages.Root(dir)
	return root, root + "\x00" + req.Work + "\x00" + strings.Join(req.Flags, "\x00")
}
