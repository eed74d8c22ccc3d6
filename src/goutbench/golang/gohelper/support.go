package main

import "fmt"

// support is the file that declares the switch. Go initialises a package-level variable before every initialiser
// that refers to it, directly or through functions, so no mutated function ever runs with an unset switch.
//
// The number comes from the environment, masked: what a test can read there tells nothing. Packages beneath os cannot
// import it; they get the environment from where syscall does.
func (m *mutator) support(env, key string) string {
	imports, environ := `import "os"`, ""
	lookup := fmt.Sprintf("text := os.Getenv(%q)", env)
	if m.w.reaches("os", m.p.ImportPath) {
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
	return fmt.Sprintf(`package %s

%s
%s
var %s = func() int {
	%s
	number := uint64(0)
	for i := 0; i < len(text); i++ {
		digit := uint64(text[i] - '0')
		if text[i] >= 'a' {
			digit = uint64(text[i]-'a') + 10
		}
		number = number<<4 | digit
	}
	if text == "" {
		return 0
	}
	return int(number ^ 0x%s)
}()
`, m.p.Name, imports, environ, m.variable, lookup, key)
}
