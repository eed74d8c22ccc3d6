package branches

import (
	"errors"
	"fmt"
	"go/ast"
	"go/parser"
	"go/token"
	"regexp"
	"slices"
	"strconv"
	"strings"
)

// storage is a function for the end of a file: go tool cover gives it a counter for each outcome, under the name of a file of
// its own (outcomes_file in toolchain/branches.py). Its cases have no statements, but its switch is one: no file's coverage
// changes, and the package has one statement more.
func storage(prefix string, outcomes int) string {
	var text strings.Builder
	fmt.Fprintf(&text, "\n//line %[1]s.go:1:1\nfunc %[1]ss(outcome int) {\nswitch outcome {\n", prefix)
	for i := range outcomes {
		fmt.Fprintf(&text, "case %d:\n", i)
	}
	text.WriteString("}\n}\n")
	return text.String()
}

var counter = regexp.MustCompile(`(?m)^case (\d+):\s*([^;\n]*\[)(\d+)(\][^;\n]*);`)

// counters are the statements that count outcomes.
type counters struct {
	prefix, before, after string
	first                 int
}

// readCounters finds the counters that go tool cover gave to the function of storage.
func readCounters(text, prefix string, outcomes int) (c counters, err error) {
	at := strings.LastIndex(text, "func "+prefix+"s(")
	if at < 0 {
		return c, errors.New("go tool cover left out a function")
	}
	found := counter.FindAllStringSubmatch(text[at:], -1)
	if len(found) != outcomes {
		return c, fmt.Errorf("%d counters for %d outcomes", len(found), outcomes)
	}
	for i, match := range found {
		number, _ := strconv.Atoi(match[3])
		if i == 0 {
			c = counters{prefix, match[2], match[4], number}
		}
		if match[1] != strconv.Itoa(i) || match[2] != c.before || match[4] != c.after || number != c.first+i {
			return c, fmt.Errorf("go tool cover wrote another counter than expected: %s", match[0])
		}
	}
	return c, nil
}

func (c counters) statement(outcome int) string {
	return c.before + strconv.Itoa(c.first+outcome) + c.after
}

// functions are what the counters need: one runs the function of storage, which registers the counters, and one counts the
// outcome of a condition. It is short enough for the compiler to be inlined.
func (c counters) functions() string {
	return fmt.Sprintf("\nfunc init() { %[1]ss(-1) }\n"+
		"func %[1]s(outcome int, condition bool) bool { if !condition { outcome++ }; %[2]s%[3]d+outcome%[4]s; return condition }\n",
		c.prefix, c.before, c.first, c.after)
}

// An edit inserts text; of edits at the same place, those of a lower rank come first.
type edit struct {
	at, rank int
	text     string
}

const (
	afterColon = iota // the first statement of a body
	beforeJump
)

type editor struct {
	counters
	file  *token.File
	edits []edit
}

func (e *editor) insert(at token.Pos, rank int, text string) {
	e.edits = append(e.edits, edit{e.file.Offset(at), rank, text})
}

// instrument adds the counters of a plan to the output of go tool cover for a file that ends with storage.
func instrument(covered string, plan *Plan) (string, error) {
	total := 0
	for _, branch := range plan.Branches {
		total += len(branch.Outcomes)
	}
	counters, err := readCounters(covered, plan.Prefix, total)
	if err != nil {
		return "", err
	}
	fset := token.NewFileSet()
	file, err := parser.ParseFile(fset, "", covered, parser.SkipObjectResolution)
	if err != nil {
		return "", err
	}
	own := slices.IndexFunc(file.Decls, func(decl ast.Decl) bool {
		function, ok := decl.(*ast.FuncDecl)
		return ok && function.Recv == nil && function.Name.Name == plan.Prefix+"s"
	})
	e := &editor{counters: counters, file: fset.File(file.FileStart)}
	next := 0
	for number, s := range find(file.Decls[:own]) {
		if slices.Contains(plan.Skipped, number) {
			continue
		}
		e.site(s, number, next, slices.Contains(plan.Named, number))
		next += s.outcomes()
	}
	if next != total {
		return "", fmt.Errorf("%d outcomes instead of %d", next, total)
	}
	return e.apply(covered) + counters.functions(), nil
}

func (e *editor) apply(text string) string {
	slices.SortStableFunc(e.edits, func(a, b edit) int {
		if a.at != b.at {
			return a.at - b.at
		}
		return a.rank - b.rank
	})
	var out strings.Builder
	last := 0
	for _, edit := range e.edits {
		out.WriteString(text[last:edit.at] + edit.text)
		last = edit.at
	}
	return out.String() + text[last:]
}

// site adds the counters of one branch, whose first outcome has the number first.
func (e *editor) site(s *site, number, first int, named bool) {
	switch {
	case s.isCondition():
		e.condition(s.node, first, named)
	case s.kind == rangeKind:
		e.loop(s, number, first)
	default:
		e.choice(s, number, first)
	}
}

// condition wraps a condition.
func (e *editor) condition(node ast.Node, first int, named bool) {
	before, after := fmt.Sprintf("%s(%d, ", e.prefix, first), ")"
	if named {
		before, after = before+"bool(", "))"
	}
	e.insert(node.Pos(), beforeJump, before)
	e.insert(node.End(), beforeJump, after)
}

// loop counts at the start of the body, and behind the loop. What leaves the loop early jumps over the counter there; it
// stays behind the jump, because it may be the only use of its label.
func (e *editor) loop(s *site, number, first int) {
	loop := s.node.(*ast.RangeStmt)
	e.insert(loop.Body.Lbrace+1, afterColon, e.statement(first)+"; ")
	behind := "; " + e.statement(first+1) + "; "
	if len(s.jumps) > 0 {
		label := fmt.Sprintf("%sEnd%d", e.prefix, number)
		behind += label + ": ; "
		for _, jump := range s.jumps {
			e.insert(jump.Pos(), beforeJump, "goto "+label+"; ")
		}
	}
	e.insert(loop.End(), beforeJump, behind)
}

// choice counts at the start of each clause. A clause that another one falls through to is not chosen by that.
func (e *editor) choice(s *site, number, first int) {
	fell := fmt.Sprintf("%sFell%d", e.prefix, number)
	if len(s.falls) > 0 {
		start := s.node.Pos()
		if s.label != nil {
			start = s.label.Pos()
		}
		e.insert(start, beforeJump, fmt.Sprintf("{ %s := false; ", fell))
		e.insert(s.node.End(), beforeJump, " }")
	}
	for i, stmt := range s.clauses {
		text := e.statement(first + i)
		if i > 0 && s.fallsFrom(s.clauses[i-1]) {
			text = fmt.Sprintf("if %[1]s { %[1]s = false } else { %[2]s }", fell, text)
		}
		e.insert(colonOf(stmt)+1, afterColon, text+"; ")
	}
	for _, jump := range s.falls {
		e.insert(jump.Pos(), beforeJump, fell+" = true; ")
	}
	if !s.complete {
		// the semicolon ends a last clause on the same line
		e.insert(s.node.End()-1, beforeJump, "; default: "+e.statement(first+len(s.clauses))+" ")
	}
}

func (s *site) fallsFrom(clause ast.Stmt) bool {
	return slices.ContainsFunc(s.falls, func(jump *ast.BranchStmt) bool {
		return clause.Pos() <= jump.Pos() && jump.Pos() < clause.End()
	})
}
