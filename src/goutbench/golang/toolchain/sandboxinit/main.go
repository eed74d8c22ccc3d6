// Command sandboxinit is the init process of a sandbox. It runs one command, once or several times, and reports how each
// run ended and what it used, on a pipe that the command cannot reach.
//
//	sandboxinit STATUS_FD once RENEWAL -- COMMAND...
//	sandboxinit STATUS_FD witnessed RENEWAL -- COMMAND...  (once, with a socket for what the testing package says)
//	sandboxinit STATUS_FD many RENEWAL -- COMMAND...  (reads the runs from stdin as a JSON array, writes one report line per run)
//	sandboxinit copies BASE                           (outside: gives sandboxes private copies of folders)
//	sandboxinit idmap USER GROUP TO_USER              (makes a user namespace for an id-mapped mount)
//	sandboxinit container SETTINGS COMMAND...         (outside: starts a container, and runs the command as its first process)
//	sandboxinit contained SOCKET                      (in a container: becomes the command that the process outside sends)
//	sandboxinit loopback                              (enables the loopback interface of a new network namespace)
//	sandboxinit filter COMMAND...                     (becomes the command, which then lacks some system calls)
//	sandboxinit confine ACCESS COMMAND...             (becomes the command, limited by Landlock)
//	sandboxinit enter ACCESS CPU COMMAND...           (the same for a run, whose init process decides about some of its calls)
//
// RENEWAL is the type of this name, as JSON.
//
// As process 1 of a process namespace it cannot be killed from inside. It discards every signal that can be caught, and it
// is not dumpable, so that a process of the same user can neither trace it nor open its files.
package main

import (
	"bytes"
	"encoding/json"
	"io"
	"os"
	"os/signal"
	"runtime"
	"slices"
	"strconv"
	"syscall"
	"time"
	"unsafe"

	"goutbench/sandboxinit/container"
	"goutbench/sandboxinit/seccomp"
)

const (
	prSetDeathSignal = 1
	prSetDumpable    = 4

	pollHangUp = 0x10 | 0x8 // POLLHUP, POLLERR
	pollEvery  = 5 * time.Millisecond
	tailBytes  = 2048

	idleSeconds = 0.02 // a Go program that only waits uses less CPU time than this
)

// Run is one run of the command: additions to its arguments and its environment, and its limits in seconds (0: none). Idle
// limits the time without use of the CPU. A witnessed run gets a socket for what the testing package says.
type Run struct {
	Args      []string `json:"args"`
	Env       []string `json:"env"`
	Wall      float64  `json:"wall"`
	CPU       float64  `json:"cpu"`
	Idle      float64  `json:"idle"`
	Witnessed bool     `json:"witnessed"`
}

// Report describes how a run ended: its exit code (128 + signal), the seconds it used, and the limit that ended it.
type Report struct {
	Exit    int     `json:"exit"`
	CPU     float64 `json:"cpu"`
	Wall    float64 `json:"wall"`
	Stopped string  `json:"stopped"`
	Tail    string  `json:"tail,omitempty"`
	Witness []byte  `json:"witness,omitempty"`

	Compiled bool `json:"compiled,omitempty"` // whether it has filled a build cache of its own
}

func init() {
	runtime.LockOSThread() // a death signal is sent when the thread that requested it ends: the first thread must not end
}

func main() {
	if len(os.Args) == 2 && os.Args[1] == "loopback" {
		loopback()
		return
	}
	if len(os.Args) == 3 && os.Args[1] == "copies" {
		serveCopies(os.Args[2])
		return
	}
	if len(os.Args) > 3 && os.Args[1] == "container" {
		os.Exit(container.Start(os.Args[2], os.Args[3:]))
	}
	if len(os.Args) == 3 && os.Args[1] == "contained" {
		fail(container.Enter(os.Args[2]))
	}
	if len(os.Args) > 2 && os.Args[1] == "filter" {
		runFiltered(os.Args[2:])
	}
	if len(os.Args) > 4 && os.Args[1] == "enter" {
		enterSandbox(os.Args[2], os.Args[3], os.Args[4:])
	}
	if len(os.Args) > 3 && os.Args[1] == "confine" {
		enterAlone(os.Args[2], os.Args[3:])
	}
	if len(os.Args) == 5 && os.Args[1] == "idmap" {
		holdIDMap(os.Args[2], os.Args[3], os.Args[4])
		return
	}
	if len(os.Args) < 6 {
		os.Exit(125)
	}
	fd, err := strconv.Atoi(os.Args[1])
	if err != nil {
		os.Exit(125)
	}
	syscall.CloseOnExec(fd)
	status := os.NewFile(uintptr(fd), "status")
	world, err := newWorld(os.Args[3])
	var line *container.Line
	if err == nil && world.Line != 0 {
		line = container.Watch(world.Line)
	}
	if err == nil {
		err = world.renew()
	}
	if err == nil && world.Filter {
		err = seccomp.FilterProcess() // what this process starts has the same filter
	}
	confined := world.Confinement
	if err == nil && confined != nil {
		err = confined.begin()
	}
	if err != nil {
		fail(err)
	}
	prctl(prSetDumpable, 0)
	if confined == nil {
		prctl(prSetDeathSignal, uintptr(syscall.SIGKILL))
	}
	go endWithReader(fd, confined)
	signal.Notify(make(chan os.Signal, 1)) // discards signals; an ignored signal would be inherited, and lose children
	reports := json.NewEncoder(status)
	status.WriteString("\n") // the sandbox is ready
	command := os.Args[5:]
	if os.Args[2] != "many" {
		witnessed := os.Args[2] == "witnessed"
		report := once(command, world, witnessed)
		report.Compiled = witnessed && confined == nil && len(world.Seeds) == 0 && isFilled(os.Getenv("GOCACHE"))
		reports.Encode(report)
		line.Leave()
		confined.quit(report.Exit)
	}
	var runs []Run
	if json.NewDecoder(os.Stdin).Decode(&runs) != nil {
		os.Exit(125)
	}
	for i, run := range runs {
		if i > 0 {
			if err := world.renew(); err != nil {
				fail(err)
			}
		}
		if reports.Encode(runQuietly(command, world, run)) != nil {
			os.Exit(125) // nothing reads the reports
		}
	}
	line.Leave()
}

// endWithReader ends this process, and with it the sandbox, when nothing reads the status pipe. A sandbox has survived the
// SIGKILL of its parent, although bwrap and this process both request a death signal.
func endWithReader(fd int, confined *Confinement) {
	for range time.Tick(time.Second / 2) {
		request := [2]uint32{uint32(fd), 0} // struct pollfd: the descriptor; no events requested, none returned
		var now syscall.Timespec
		at, wait := uintptr(unsafe.Pointer(&request)), uintptr(unsafe.Pointer(&now))
		syscall.Syscall6(syscall.SYS_PPOLL, at, 1, wait, 0, 0, 0)
		if (request[1]>>16)&pollHangUp != 0 {
			confined.quit(125)
		}
	}
}

// once runs the command with the streams of this process, and with a witness if there is to be one.
func once(command []string, world *world, witnessed bool) Report {
	environment, files := os.Environ(), []uintptr{0, 1, 2}
	if !witnessed {
		return start(command, world, environment, files, Run{})
	}
	return withWitness(command, world, environment, files, Run{})
}

// withWitness runs the command with a socket for what the testing package says, and waits until nobody can write to it.
func withWitness(command []string, world *world, environment []string, files []uintptr, run Run) Report {
	w, err := newWitness()
	if err != nil {
		fail(err)
	}
	listen := func() { go w.listen() }
	environment = append(environment, w.variable(world.Confinement != nil))
	report := startThen(command, world, environment, append(files, uintptr(w.theirs)), run, listen)
	report.Witness = w.finish()
	return report
}

// runQuietly runs the command, records the end of its output, and kills all processes that it left running.
func runQuietly(command []string, world *world, run Run) Report {
	null, _ := os.Open(os.DevNull)
	defer null.Close()
	reader, writer, err := os.Pipe()
	if err != nil {
		fail(err)
	}
	tail := make(chan string)
	go func() { tail <- lastBytes(reader) }()
	command = append(slices.Clone(command), run.Args...)
	environment, files := append(os.Environ(), run.Env...), []uintptr{null.Fd(), writer.Fd(), writer.Fd()}
	var report Report
	if run.Witnessed {
		report = withWitness(command, world, environment, files, run)
	} else {
		report = start(command, world, environment, files, run)
	}
	writer.Close()
	if world.Confinement != nil {
		world.Confinement.broker.Load().End()
	} else if os.Getpid() == 1 {
		syscall.Kill(-1, syscall.SIGKILL)
		for waited := error(nil); waited == nil || waited == syscall.EINTR; { // until none can write any more
			_, waited = syscall.Wait4(-1, nil, 0, nil)
		}
	}
	report.Tail = <-tail
	reader.Close()
	return report
}

func start(command []string, world *world, environment []string, files []uintptr, run Run) Report {
	return startThen(command, world, environment, files, run, func() {})
}

// startThen calls `then` when the command has been started. If it cannot be, this process ends without a report: only the exit
// status of the command is a result.
func startThen(command []string, world *world, environment []string, files []uintptr, run Run, then func()) Report {
	begin := time.Now()
	started := func(int, <-chan struct{}) {}
	if world.Confinement != nil {
		var err error
		if command, files, started, err = world.Confinement.enter(command, files); err != nil {
			fail(err)
		}
	}
	attributes := &syscall.ProcAttr{
		Dir: world.Folder, Env: environment, Files: files,
		// in a session of its own: only then it cannot join our process group, and send us a signal by that
		Sys: &syscall.SysProcAttr{Setsid: true, Pdeathsig: syscall.SIGKILL},
	}
	pid, err := syscall.ForkExec(command[0], command, attributes)
	if err != nil {
		fail(err)
	}
	then()
	stopped := make(chan string, 1)
	done := make(chan struct{})
	started(pid, done)
	go watch(pid, run, begin, done, stopped)
	report := wait(pid)
	close(done)
	report.Wall = time.Since(begin).Seconds()
	report.Stopped = <-stopped
	syscall.Kill(-pid, syscall.SIGKILL)
	return report
}

// wait reaps all children, including orphans that process 1 inherits, until process pid has ended.
func wait(pid int) Report {
	var state syscall.WaitStatus
	var usage syscall.Rusage
	for {
		reaped, err := syscall.Wait4(-1, &state, 0, &usage)
		if err == syscall.EINTR {
			continue
		}
		if err != nil {
			return Report{Exit: 126}
		}
		if reaped == pid {
			break
		}
	}
	report := Report{Exit: state.ExitStatus(), CPU: seconds(usage.Utime) + seconds(usage.Stime)}
	if state.Signaled() {
		report.Exit = 128 + int(state.Signal())
	}
	return report
}

// watch kills a run that exceeds one of its limits. It sends that limit, or an empty string, exactly once.
func watch(pid int, run Run, begin time.Time, done <-chan struct{}, stopped chan<- string) {
	if run.Wall == 0 && run.CPU == 0 {
		stopped <- ""
		return
	}
	ticker := time.NewTicker(pollEvery)
	defer ticker.Stop()
	busy, busyAt := 0.0, begin
	for {
		select {
		case <-done:
			stopped <- ""
			return
		case <-ticker.C:
		}
		reason, used := "", cpuOf(pid)
		if used > busy+idleSeconds {
			busy, busyAt = used, time.Now()
		}
		if run.CPU > 0 && used > run.CPU {
			reason = "cpu"
		} else if run.Idle > 0 && time.Since(busyAt).Seconds() > run.Idle {
			reason = "idle"
		} else if run.Wall > 0 && time.Since(begin).Seconds() > run.Wall {
			reason = "wall"
		}
		if reason != "" {
			syscall.Kill(-pid, syscall.SIGKILL)
			stopped <- reason
			return
		}
	}
}

// cpuOf is the CPU time that a running process has used, in seconds, by its own clock.
func cpuOf(pid int) float64 {
	var used syscall.Timespec
	clock := uintptr(^pid<<3 | 2) // CPUCLOCK_SCHED of that process
	syscall.RawSyscall(syscall.SYS_CLOCK_GETTIME, clock, uintptr(unsafe.Pointer(&used)), 0)
	return float64(used.Sec) + float64(used.Nsec)/1e9
}

func seconds(value syscall.Timeval) float64 {
	return float64(value.Sec) + float64(value.Usec)/1e6
}

// lastBytes reads everything and returns the end of it.
func lastBytes(reader io.Reader) string {
	var tail []byte
	buffer := make([]byte, 1<<15)
	for {
		n, err := reader.Read(buffer)
		tail = append(tail, buffer[:n]...)
		if len(tail) > tailBytes {
			tail = append([]byte(nil), tail[len(tail)-tailBytes:]...)
		}
		if err != nil {
			return string(bytes.ToValidUTF8(tail, []byte("?")))
		}
	}
}
