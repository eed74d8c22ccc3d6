package mutation

import (
	"errors"
	"fmt"
	"go/ast"
	"go/scanner"
	"go/types"
	"regexp"
	"slices"
	"sort"
	"strings"
)

// A mutant that removes code can leave variables or imports unused, or a function without its return. The compiler has
// to accept each such mutant without the switch. A round type-checks the file with at most one mutant per declaration.

// unusedName matches the type checker's message about an unused variable.
var unusedName = regexp.MustCompile(`declared and not used: (\w+)`)

// tryEach compiles each mutant that needs a trial, and rejects those that do not compile.
func (m *mutator) tryEach(all []*mutant) {
	uses := m.importUses()
	queues := map[int][]*mutant{}
	for _, mut := range all {
		if mut.trial && mut.isTested() && m.useImports(mut, uses) {
			queues[mut.unit] = append(queues[mut.unit], mut)
		}
	}
	retried := map[*mutant]bool{}
	for len(queues) > 0 {
		now := map[int]*mutant{}
		for unit, queue := range queues {
			now[unit] = queue[0]
			if queues[unit] = queue[1:]; len(queue) == 1 {
				delete(queues, unit)
			}
		}
		for _, mut := range m.round(now) {
			// it uses its variables now: one more trial
			if retried[mut] {
				continue
			}
			retried[mut] = true
			queues[mut.unit] = append(queues[mut.unit], mut)
		}
	}
}

// round type-checks one mutant per declaration. It rejects mutants that do not compile, and returns those to try again.
func (m *mutator) round(now map[int]*mutant) (again []*mutant) {
	units := map[int]bool{}
	muts := make([]*mutant, 0, len(now))
	for unit, mut := range now {
		units[unit] = true
		muts = append(muts, mut)
	}
	sort.Slice(muts, func(a, b int) bool { return muts[a].start < muts[b].start })
	text, starts := m.together(muts)
	errors, base := m.checkText(text, units)
	unused := map[*mutant][]string{}
	for _, err := range errors {
		mut := muts[sort.Search(len(starts), func(i int) bool { return starts[i] > int(err.Pos)-base })-1]
		if name := unusedName.FindStringSubmatch(err.Msg); name != nil && !strings.Contains(mut.text, "_ = "+name[1]) {
			unused[mut] = append(unused[mut], name[1])
			continue
		}
		mut.reason = err.Msg
	}
	for mut, names := range unused {
		if mut.reason == "" {
			m.useNames(mut, names)
			again = append(again, mut)
		}
	}
	return again
}

// together applies mutants of different declarations, in order; starts are the offsets of these declarations in the text.
func (m *mutator) together(muts []*mutant) (string, []int) {
	var text strings.Builder
	starts := make([]int, len(muts))
	from := 0
	for i, mut := range muts {
		begin := m.offset(m.focal.Syntax.Decls[mut.unit].Pos())
		text.Write(m.focal.Source[from:begin])
		starts[i] = text.Len()
		text.Write(m.focal.Source[begin:mut.start])
		text.WriteString(mut.text)
		from = mut.end
	}
	starts[0] = 0
	text.Write(m.focal.Source[from:])
	return text.String(), starts
}

// useNames assigns names to the blank identifier before the mutant, so that they are used.
func (m *mutator) useNames(mut *mutant, names []string) {
	sort.Strings(names)
	lines := make([]string, len(names))
	for i, name := range names {
		lines[i] = "_ = " + name
	}
	m.prepend(mut, lines)
}

// prepend extends a mutant to its statement and inserts lines before it. A value becomes a call of a function that has them.
func (m *mutator) prepend(mut *mutant, lines []string) {
	text := strings.Join(lines, "; ")
	if mut.form == asValue {
		typ, ok := m.typeText(mut.typ, mut.pos)
		if !ok {
			mut.reason = "its type cannot be named here"
			return
		}
		mut.text = "func() " + typ + " { " + text + "; return " + m.alone(mut) + " }()"
		mut.start, mut.end = mut.from, mut.to
		return
	}
	if mut.form == asStatement && (mut.start != mut.from || mut.end != mut.to) {
		mut.text = m.alone(mut)
		mut.start, mut.end = mut.from, mut.to
	}
	if mut.text != "" {
		text += "; " + mut.text
	}
	mut.text = text
}

// An importUse is an import with the identifiers of the focal file that use it, in source order.
type importUse struct {
	name   *types.PkgName
	idents []*ast.Ident
}

// importUses are the used imports, in the order of their first use: the same for every call.
func (m *mutator) importUses() []*importUse {
	var idents []*ast.Ident
	for ident, object := range m.info.Uses {
		if _, ok := object.(*types.PkgName); ok && m.inFocal(ident) {
			idents = append(idents, ident)
		}
	}
	slices.SortFunc(idents, func(a, b *ast.Ident) int { return int(a.Pos() - b.Pos()) })
	var uses []*importUse
	for _, ident := range idents {
		name := m.info.Uses[ident].(*types.PkgName)
		i := slices.IndexFunc(uses, func(use *importUse) bool { return use.name == name })
		if i < 0 {
			i, uses = len(uses), append(uses, &importUse{name: name})
		}
		uses[i].idents = append(uses[i].idents, ident)
	}
	return uses
}

func (m *mutator) inFocal(ident *ast.Ident) bool {
	return ident.Pos() >= m.focal.Syntax.FileStart && ident.Pos() < m.focal.Syntax.FileEnd
}

// useImports uses the imports that only the removed code uses. It reports whether that is possible.
func (m *mutator) useImports(mut *mutant, uses []*importUse) bool {
	var lines []string
	for _, use := range uses {
		if !m.contains(mut, use.idents) {
			continue
		}
		line := ""
		for _, ident := range use.idents {
			if line = m.useOf(use.name, ident); line != "" {
				break
			}
		}
		if line == "" {
			line = mut.keep
		}
		if line == "" {
			mut.reason = fmt.Sprintf("%q would be imported and not used", use.name.Imported().Path())
			return false
		}
		lines = append(lines, line)
	}
	if len(lines) > 0 {
		sort.Strings(lines)
		m.prepend(mut, lines)
	}
	return mut.reason == ""
}

// contains reports whether the mutant replaces all identifiers.
func (m *mutator) contains(mut *mutant, idents []*ast.Ident) bool {
	for _, ident := range idents {
		if at := m.offset(ident.Pos()); at < mut.start || at >= mut.end {
			return false
		}
	}
	return true
}

// useOf is a statement that uses the import like the selector at ident; it is empty if there is no simple one.
func (m *mutator) useOf(name *types.PkgName, ident *ast.Ident) string {
	var statement string
	ast.Inspect(m.focal.Syntax, func(n ast.Node) bool {
		selector, ok := n.(*ast.SelectorExpr)
		if !ok || selector.X != ident {
			return statement == ""
		}
		text := name.Name() + "." + selector.Sel.Name
		switch object := m.info.Uses[selector.Sel].(type) {
		case *types.TypeName:
			if !isGeneric(object.Type()) {
				statement = "var _ " + text
			}
		case *types.Func:
			if object.Signature().TypeParams().Len() == 0 {
				statement = "_ = " + text
			}
		case *types.Var, *types.Const:
			statement = "_ = " + text
		}
		return false
	})
	return statement
}

// physicalOffset is the offset of the first syntax error, regardless of line directives.
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
