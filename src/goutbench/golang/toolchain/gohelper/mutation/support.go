package mutation

import "fmt"

// support is the file that declares the switch. Go initialises a package-level variable before every initialiser that
// refers to it, directly or through functions, so a mutated function never runs with an unset switch.
//
// The number of the mutant comes from the environment. It is masked, so that a test cannot read it there. The limit of
// steps follows it; with 0 the program prints its number of steps, each time that it has doubled. Packages that os depends
// on cannot import os; they read the environment from the same source as syscall.
func (m *mutator) support(env, key string) string {
	imports, environ, over := `import "os"`, "", `println("%[1]s over"); os.Exit(%[2]d)`
	lookup := fmt.Sprintf("text := os.Getenv(%q)", env)
	if m.belowOS() {
		over = `println("%[1]s over")`
		imports = `import _ "unsafe"`
		environ = fmt.Sprintf("\n//go:linkname %sEnviron syscall.runtime_envs\nfunc %sEnviron() []string\n", m.variable, m.variable)
		call := m.variable + "Environ()"
		switch m.p.ImportPath {
		case "syscall":
			imports, environ, call = "", "", "runtime_envs()"
		case "runtime":
			imports, environ, call = "", "", "envs"
		}
		lookup = fmt.Sprintf(`text := ""
	for _, pair := range %s {
		if len(pair) > %d && pair[:%d] == %q {
			text = pair[%d:]
		}
	}`, call, len(env)+1, len(env)+1, env+"=", len(env)+1)
	}
	over = fmt.Sprintf(over, env, stepLimitExit)
	return fmt.Sprintf(`package %[1]s

%[2]s
%[3]s
var %[4]s, %[4]sMost = func() (int, int) {
	%[5]s
	number, rest := uint64(0), uint64(0)
	for i := 0; i < len(text); i++ {
		digit := uint64(text[i] - '0')
		if text[i] >= 'a' {
			digit = uint64(text[i]-'a') + 10
		}
		if i < 16 {
			number = number<<4 | digit
		} else {
			rest = rest<<4 | digit
		}
	}
	if text == "" {
		return 0, -1
	}
	return int(number ^ 0x%[6]s), int(rest)
}()

var %[4]sSteps, %[4]sNext int

//go:norace
func %[4]sStep() {
	%[4]sSteps++
	if %[4]sSteps > %[4]sNext {
		%[4]sMark()
	}
}

//go:norace
func %[4]sMark() {
	switch {
	case %[4]sMost < 0:
		%[4]sNext = 1<<31 - 1
		%[4]sSteps = 0
	case %[4]sMost == 0:
		println("%[7]s steps", %[4]sSteps)
		%[4]sNext = 2*%[4]sSteps
	case %[4]sSteps > %[4]sMost:
		%[8]s
	default:
		%[4]sNext = %[4]sMost
	}
}
`, m.p.Name, imports, environ, m.variable, lookup, key, env, over)
}

const stepLimitExit = 97 // _STEP_LIMIT_EXIT in mutation.py
