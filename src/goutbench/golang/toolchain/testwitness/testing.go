// The witness of a test binary: this file is compiled into package testing by an overlay.
//
// It tells our init process, on a socket, which of the tests that the program was built with ran, how they ended, and what
// they covered. What a test prints, writes to a file or returns as exit status proves nothing: it can do all of that itself.
// The socket's other end sends a token first, which each message repeats. It is read before code of a test can run.
package testing

import (
	"strconv"
	"sync"
	"syscall"
	"unsafe"
)

const (
	witnessVariable = "GOUTBENCH_WITNESS" // the descriptor of the socket
	witnessHigh     = 700                 // it moves here, so that descriptors have the numbers that they have under `go test`
	witnessToken    = 32

	witnessFrames = 'f'
	witnessOwn    = 'o' // the coverage of this process, from memory
	witnessAll    = 'a' // and that of the processes that wrote files to GOCOVERDIR
)

var witness struct {
	sync.Mutex
	fd    int // 0: nobody listens
	token [witnessToken]byte

	registered bool
	tests      []InternalTest
	fuzz       []InternalFuzzTarget
	examples   []InternalExample
	functions  map[string]unsafe.Pointer
	genuine    map[*common]bool
}

func init() {
	text, found := syscall.Getenv(witnessVariable)
	if !found {
		return
	}
	syscall.Unsetenv(witnessVariable)
	fd, err := strconv.Atoi(text)
	if err != nil {
		return
	}
	for read := 0; read < witnessToken; {
		n, err := syscall.Read(fd, witness.token[read:])
		if err == syscall.EINTR {
			continue
		}
		if err != nil || n <= 0 {
			return
		}
		read += n
	}
	high, _, failed := syscall.Syscall(syscall.SYS_FCNTL, uintptr(fd), syscall.F_DUPFD_CLOEXEC, witnessHigh)
	if failed != 0 {
		high, _, failed = syscall.Syscall(syscall.SYS_FCNTL, uintptr(fd), syscall.F_DUPFD_CLOEXEC, 3)
	}
	syscall.Close(fd)
	if failed == 0 {
		witness.fd = int(high)
		witness.genuine = map[*common]bool{}
	}
}

// witnessSend sends a message: the token, its kind, the length of its text as four bytes, and the text.
func witnessSend(kind byte, text string) {
	if witness.fd == 0 {
		return
	}
	size := len(text)
	message := append(make([]byte, 0, witnessToken+5+size), witness.token[:]...)
	message = append(message, kind, byte(size>>24), byte(size>>16), byte(size>>8), byte(size))
	message = append(message, text...)
	for len(message) > 0 {
		n, err := syscall.Write(witness.fd, message)
		if err == syscall.EINTR || err == syscall.EAGAIN {
			continue
		}
		if err != nil {
			witness.fd = 0
			return
		}
		message = message[n:]
	}
}

func witnessFrame(action, name string) {
	witnessSend(witnessFrames, "\x16"+action+name+"\n")
}

// witnessRegister keeps what the program was built with. It is called first by the generated main function, before TestMain.
func witnessRegister(tests []InternalTest, fuzz []InternalFuzzTarget, examples []InternalExample) {
	witness.Lock()
	defer witness.Unlock()
	if witness.registered {
		return
	}
	witness.registered = true
	witness.tests, witness.fuzz, witness.examples = tests, fuzz, examples
	witness.functions = map[string]unsafe.Pointer{}
	for _, test := range tests {
		witness.functions[test.Name] = *(*unsafe.Pointer)(unsafe.Pointer(&test.F))
	}
	for _, target := range fuzz {
		witness.functions[target.Name] = *(*unsafe.Pointer)(unsafe.Pointer(&target.Fn))
	}
	for _, example := range examples {
		witness.functions[example.Name] = *(*unsafe.Pointer)(unsafe.Pointer(&example.F))
	}
}

// witnessTest is called when the function of a test or subtest starts.
func witnessTest(t *T, function func(*T)) {
	witnessStart(&t.common, *(*unsafe.Pointer)(unsafe.Pointer(&function)))
}

func witnessTarget(f *F, function func(*F)) {
	witnessStart(&f.common, *(*unsafe.Pointer)(unsafe.Pointer(&function)))
}

func witnessStart(c *common, function unsafe.Pointer) {
	if witness.fd == 0 || c.level == 0 {
		return
	}
	witness.Lock()
	defer witness.Unlock()
	if c.level == 1 {
		if built, found := witness.functions[c.name]; found && built == function {
			witness.genuine[c] = true
		}
	}
	if witnessKnows(c) {
		witnessFrame("=== RUN   ", c.name)
	}
}

// witnessKnows tells whether a test is one that the program was built with, or a subtest of one: a test may run others by
// RunTests, under any name.
func witnessKnows(c *common) bool {
	for c != nil && c.level > 1 {
		c = c.parent
	}
	return witness.genuine[c]
}

// witnessReport is called when a test or subtest has ended.
func witnessReport(c *common) {
	if witness.fd == 0 || c.level == 0 {
		return
	}
	result := "--- PASS: "
	if c.Failed() {
		result = "--- FAIL: "
	} else if c.Skipped() {
		result = "--- SKIP: "
	}
	witness.Lock()
	defer witness.Unlock()
	if witnessKnows(c) {
		witnessFrame(result, c.name)
	}
}

func witnessExample(example *InternalExample, action string) {
	witness.Lock()
	defer witness.Unlock()
	for _, built := range witness.examples {
		same := *(*unsafe.Pointer)(unsafe.Pointer(&built.F)) == *(*unsafe.Pointer)(unsafe.Pointer(&example.F))
		if same && built.Name == example.Name && built.Output == example.Output && built.Unordered == example.Unordered {
			witnessFrame(action, example.Name)
		}
	}
}

func witnessExampleEnd(example *InternalExample, passed *bool) {
	if *passed {
		witnessExample(example, "--- PASS: ")
	} else {
		witnessExample(example, "--- FAIL: ")
	}
}

// witnessEnd is called with the result of all tests. Only the main program's counts, not that of another M.
func witnessEnd(m *M, result string) {
	witness.Lock()
	defer witness.Unlock()
	same := len(m.tests) == len(witness.tests) && len(m.fuzzTargets) == len(witness.fuzz) && len(m.examples) == len(witness.examples)
	same = same && unsafe.SliceData(m.tests) == unsafe.SliceData(witness.tests)
	same = same && unsafe.SliceData(m.fuzzTargets) == unsafe.SliceData(witness.fuzz)
	if same && unsafe.SliceData(m.examples) == unsafe.SliceData(witness.examples) {
		witnessFrame(result, "")
	}
}

// witnessCoverage sends the coverage, before anything is written to a file.
func witnessCoverage(tearDown func(coverprofile, gocoverdir string) (string, error)) {
	if witness.fd == 0 {
		return
	}
	for _, kind := range []byte{witnessOwn, witnessAll} {
		// package cfile, which only programs with coverage have, answers these names with an error that holds the profile
		_, err := tearDown("goutbench:"+string(rune(kind)), *gocoverdir)
		if profile, ok := err.(interface{ GoutbenchProfile() string }); ok {
			witness.Lock()
			witnessSend(kind, profile.GoutbenchProfile())
			witness.Unlock()
		}
	}
}
