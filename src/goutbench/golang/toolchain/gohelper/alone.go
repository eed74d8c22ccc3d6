package main

import (
	"errors"
	"fmt"
	"go/ast"
	"go/scanner"
	"go/types"
	"regexp"
	"sort"
	"strings"
)

// Mutants that drop code can leave variables and imports unused or a function without its return. Each is tried
// alone, one per declaration at a time: a round is one type-check of a file in which every declaration has at most
// one mutant.

var unusedName = regexp.MustCompile(`declared and not used: (\w+)`)

func (m *mutator) tryAlone(all []*mutation) {
	uses := m.importUses()
	queues := map[int][]*mutation{}
	for _, mut := range all {
		if mut.drops && mut.reason == "" && m.keepImports(mut, uses) {
			queues[mut.unit] = append(queues[mut.unit], mut)
		}
	}
	retried := map[*mutation]bool{}
	for len(queues) > 0 {
		now := map[int]*mutation{}
		for unit, queue := range queues {
			now[unit] = queue[0]
			if queues[unit] = queue[1:]; len(queue) == 1 {
				delete(queues, unit)
			}
		}
		for _, mut := range m.round(now) {
			// its variables are kept in use now: once more
			if retried[mut] {
				continue
			}
			retried[mut] = true
			queues[mut.unit] = append(queues[mut.unit], mut)
		}
	}
}

// round type-checks one mutant per declaration; it marks those that fail and gives those to be tried again.
func (m *mutator) round(now map[int]*mutation) (again []*mutation) {
	keep := map[int]bool{}
	muts := make([]*mutation, 0, len(now))
	for unit, mut := range now {
		keep[unit] = true
		muts = append(muts, mut)
	}
	sort.Slice(muts, func(a, b int) bool { return muts[a].start < muts[b].start })
	text, starts := m.together(muts)
	faults, base := m.checkText(text, keep)
	unused := map[*mutation][]string{}
	for _, fault := range faults {
		mut := muts[sort.Search(len(starts), func(i int) bool { return starts[i] > int(fault.Pos)-base })-1]
		if name := unusedName.FindStringSubmatch(fault.Msg); name != nil && !strings.Contains(mut.text, "_ = "+name[1]) {
			unused[mut] = append(unused[mut], name[1])
			continue
		}
		mut.reason = fault.Msg
	}
	for mut, names := range unused {
		if mut.reason == "" {
			m.keepUsed(mut, names)
			again = append(again, mut)
		}
	}
	return again
}

// together applies mutants of different declarations, in order; starts are where the declarations begin in the text.
func (m *mutator) together(muts []*mutation) (string, []int) {
	var text strings.Builder
	starts := make([]int, len(muts))
	from := 0
	for i, mut := range muts {
		begin := m.offset(m.focal.file.Decls[mut.unit].Pos())
		text.Write(m.focal.src[from:begin])
		starts[i] = text.Len()
		text.Write(m.focal.src[begin:mut.start])
		text.WriteString(mut.text)
		from = mut.end
	}
	starts[0] = 0
	text.Write(m.focal.src[from:])
	return text.String(), starts
}

// keepUsed widens a mutation to its statement and puts assignments to the blank identifier before it.
func (m *mutator) keepUsed(mut *mutation, names []string) {
	sort.Strings(names)
	lines := make([]string, len(names))
	for i, name := range names {
		lines[i] = "_ = " + name
	}
	m.keepLines(mut, lines)
}

func (m *mutator) keepLines(mut *mutation, lines []string) {
	text := strings.Join(lines, "; ")
	if mut.op == "return-value" || mut.op == "loop-control" {
		if mut.start != mut.from || mut.end != mut.to {
			mut.text = m.mutated(mut)
			mut.start, mut.end = mut.from, mut.to
		}
	}
	if mut.text != "" {
		text += "; " + mut.text
	}
	mut.text = text
}

// importUses lists, for each import, the identifiers of the file that use it.
func (m *mutator) importUses() map[*types.PkgName][]*ast.Ident {
	uses := map[*types.PkgName][]*ast.Ident{}
	for ident, object := range m.info.Uses {
		if name, ok := object.(*types.PkgName); ok && m.inFocal(ident) {
			uses[name] = append(uses[name], ident)
		}
	}
	return uses
}

func (m *mutator) inFocal(ident *ast.Ident) bool {
	return ident.Pos() >= m.focal.file.FileStart && ident.Pos() < m.focal.file.FileEnd
}

// keepImports keeps alive the imports that are used only in what the mutation drops. It says whether that is possible.
func (m *mutator) keepImports(mut *mutation, uses map[*types.PkgName][]*ast.Ident) bool {
	if mut.form == asValue {
		return true
	}
	var lines []string
	for name, idents := range uses {
		if !m.allWithin(mut, idents) {
			continue
		}
		line := ""
		for _, ident := range idents {
			if line = m.useOf(name, ident); line != "" {
				break
			}
		}
		if line == "" {
			mut.reason = fmt.Sprintf("%q would be imported and not used", name.Imported().Path())
			return false
		}
		lines = append(lines, line)
	}
	if len(lines) > 0 {
		sort.Strings(lines)
		m.keepLines(mut, lines)
	}
	return true
}

func (m *mutator) allWithin(mut *mutation, idents []*ast.Ident) bool {
	for _, ident := range idents {
		if at := m.offset(ident.Pos()); at < mut.start || at >= mut.end {
			return false
		}
	}
	return true
}

// useOf is a statement that uses the import as the selector at ident does, "" when there is none so simple.
func (m *mutator) useOf(name *types.PkgName, ident *ast.Ident) string {
	var found string
	ast.Inspect(m.focal.file, func(n ast.Node) bool {
		selector, ok := n.(*ast.SelectorExpr)
		if !ok || selector.X != ident {
			return found == ""
		}
		text := name.Name() + "." + selector.Sel.Name
		switch object := m.info.Uses[selector.Sel].(type) {
		case *types.TypeName:
			if !isGeneric(object.Type()) {
				found = "var _ " + text
			}
		case *types.Func:
			if object.Signature().TypeParams().Len() == 0 {
				found = "_ = " + text
			}
		case *types.Var, *types.Const:
			found = "_ = " + text
		}
		return false
	})
	return found
}

func physicalOffset(err error) int {
	var list scanner.ErrorList
	if errors.As(err, &list) && len(list) > 0 {
		return list[0].Pos.Offset
	}
	return 0
}

func isGeneric(t types.Type) bool {
	named, ok := types.Unalias(t).(*types.Named)
	return ok && named.TypeParams().Len() > named.TypeArgs().Len()
}
