// Command gohelper answers questions about Go packages, one JSON line in, one JSON line out.
//
// It never runs anything of the package or of the candidate; it parses and type-checks. Its parent limits its memory
// and its time, and starts another when it dies.
package main

import (
	"bufio"
	"encoding/json"
	"fmt"
	"os"
	"runtime/debug"
	"strconv"
)

type request struct {
	Op      string   `json:"op"`
	Go      string   `json:"go"`
	Dir     string   `json:"dir"`
	Dirs    []string `json:"dirs"`
	Flags   []string `json:"flags"`
	Name    string   `json:"name"`
	Source  []byte   `json:"source"`
	Removed []string `json:"removed"`
	Switch  string   `json:"switch"`
	Key     string   `json:"key"`
	Env     string   `json:"env"`
}

func main() {
	if limit, err := strconv.ParseInt(os.Getenv("GOUTBENCH_HELPER_MEMORY"), 10, 64); err == nil {
		debug.SetMemoryLimit(limit / 10 * 9)
	}
	// deep nesting must end this process soon, not after a gigabyte of stack
	debug.SetMaxStack(256 << 20)
	debug.SetGCPercent(200)
	in := bufio.NewReaderSize(os.Stdin, 1<<20)
	out := json.NewEncoder(os.Stdout)
	worlds := newWorlds()
	for {
		line, err := in.ReadBytes('\n')
		if err != nil {
			return
		}
		var req request
		if err := json.Unmarshal(line, &req); err != nil {
			out.Encode(map[string]string{"infra": "not a request: " + err.Error()})
			continue
		}
		if err := out.Encode(answer(worlds, &req)); err != nil {
			return
		}
	}
}

// answer turns a panic (a bug of the type checker met by a strange candidate) into an answer: the process lives on,
// but forgets the world that may be half written.
func answer(worlds *worlds, req *request) (reply any) {
	defer func() {
		if problem := recover(); problem != nil {
			worlds.forget(req)
			reply = map[string]string{"infra": fmt.Sprintf("the helper panicked: %.300v", problem)}
		}
	}()
	world, err := worlds.of(req)
	if err != nil {
		return map[string]string{"infra": err.Error()}
	}
	switch req.Op {
	case "warm":
		return world.warm(req.Dirs)
	case "load":
		return world.load(req)
	case "check":
		return world.check(req)
	case "mutate":
		return world.mutate(req)
	}
	return map[string]string{"infra": "unknown request: " + req.Op}
}
