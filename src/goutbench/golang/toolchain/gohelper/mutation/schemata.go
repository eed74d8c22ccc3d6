package mutation

import (
	"fmt"
	"go/token"
	"go/types"
	"sort"
	"strings"
)

// A site is a part of the focal file that is behind the switch, with all mutants that share it.
type site struct {
	form     form
	from, to int
	mutants  []*mutant
	children []*site
}

// A stretch records the mutant or site that wrote bytes from:to of the schemata: it causes the type errors there.
type stretch struct {
	from, to int
	mutant   *mutant // nil: the site wrote them
	site     *site
}

type writer struct {
	m         *mutator
	out       strings.Builder
	stretches []stretch
}

// tree arranges the viable mutants as sites within sites.
func (m *mutator) tree(all []*mutant) []*site {
	type key struct {
		from, to int
		form     form
		typ      string
	}
	byKey := map[key]*site{}
	var sites []*site
	for _, mut := range all {
		if !mut.isTested() {
			continue
		}
		k := key{mut.from, mut.to, mut.form, ""}
		if mut.typ != nil {
			k.typ = types.TypeString(types.Default(mut.typ), nil)
		}
		if byKey[k] == nil {
			byKey[k] = &site{form: mut.form, from: mut.from, to: mut.to}
			sites = append(sites, byKey[k])
		}
		byKey[k].mutants = append(byKey[k].mutants, mut)
	}
	// of sites with the same bytes, the statement contains the expression
	sort.SliceStable(sites, func(a, b int) bool {
		x, y := sites[a], sites[b]
		if x.from != y.from {
			return x.from < y.from
		}
		if x.to != y.to {
			return x.to > y.to
		}
		return x.form > y.form
	})
	root := &site{from: 0, to: len(m.focal.Source)}
	open := []*site{root}
	for _, s := range sites {
		for open[len(open)-1].to < s.to || open[len(open)-1].to <= s.from {
			open = open[:len(open)-1]
		}
		parent := open[len(open)-1]
		parent.children = append(parent.children, s)
		open = append(open, s)
	}
	return root.children
}

// schemata writes the focal file with all viable mutants behind the switch.
func (m *mutator) schemata(all []*mutant) *writer {
	w := &writer{m: m}
	w.plain(0, len(m.focal.Source), m.tree(all))
	return w
}

// plain writes the source from:to, and the sites in it.
func (w *writer) plain(from, to int, sites []*site) {
	for _, s := range sites {
		w.source(from, s.from)
		w.site(s)
		from = s.to
	}
	w.source(from, to)
}

func (w *writer) source(from, to int) {
	if at := w.m.importsAt; from <= at && at < to {
		w.out.Write(w.m.focal.Source[from:at])
		w.out.WriteString(w.m.extraImports())
		from = at
	}
	w.out.WriteString(w.m.counted(from, to))
}

func (w *writer) site(s *site) {
	start := w.out.Len()
	switch s.form {
	case asCondition:
		w.condition(s)
	case asValue:
		w.value(s)
	case asStatement, asBody:
		w.statement(s)
	case asClosure:
		w.out.WriteString("func() { ")
		w.statement(s)
		w.out.WriteString(" }()")
	}
	w.stretches = append(w.stretches, stretch{start, w.out.Len(), nil, s})
	w.line(s.to)
}

// line writes a line directive for the next byte of the source, so that positions in messages and stack traces are those
// of the focal file.
func (w *writer) line(offset int) {
	at := w.m.position(offset)
	fmt.Fprintf(&w.out, "/*line :%d:%d*/", at.Line, at.Column)
}

func (w *writer) mutant(mut *mutant) {
	w.line(mut.from)
	start := w.out.Len()
	w.out.WriteString(w.m.mutated(mut))
	w.stretches = append(w.stretches, stretch{start, w.out.Len(), mut, nil})
}

func (w *writer) original(s *site) {
	w.line(s.from)
	w.plain(s.from, s.to, s.children)
}

func (w *writer) condition(s *site) {
	w.out.WriteString("(")
	for _, mut := range s.mutants {
		fmt.Fprintf(&w.out, "%s != %d && ", w.m.variable, mut.id)
	}
	w.out.WriteString("(")
	w.original(s)
	w.out.WriteString(")")
	for _, mut := range s.mutants {
		fmt.Fprintf(&w.out, " || %s == %d && (", w.m.variable, mut.id)
		w.mutant(mut)
		w.out.WriteString(")")
	}
	w.out.WriteString(")")
}

func (w *writer) value(s *site) {
	fmt.Fprintf(&w.out, "func() %s { ", w.m.spell(s.mutants[0]))
	for _, mut := range s.mutants {
		fmt.Fprintf(&w.out, "if %s == %d { return ", w.m.variable, mut.id)
		w.mutant(mut)
		w.out.WriteString(" }; ")
	}
	w.out.WriteString("return ")
	w.original(s)
	w.out.WriteString(" }()")
}

func (w *writer) statement(s *site) {
	for _, mut := range s.mutants {
		fmt.Fprintf(&w.out, "if %s == %d { ", w.m.variable, mut.id)
		w.mutant(mut)
		w.out.WriteString(" } else ")
	}
	w.out.WriteString("{ ")
	w.original(s)
	w.out.WriteString(" }")
}

// spell writes a type for the mutant's site. A package that the file does not import, or whose name refers to something
// else there, gets an import of its own.
func (m *mutator) spell(mut *mutant) string {
	return types.TypeString(types.Default(mut.typ), func(pkg *types.Package) string {
		if name, ok := m.importName(pkg, mut.pos); ok {
			return name
		}
		alias := m.aliases[pkg.Path()]
		if alias == "" {
			alias = fmt.Sprintf("%sImport%d", m.variable, len(m.aliases)+1)
			m.aliases[pkg.Path()] = alias
		}
		return alias
	})
}

// importName is the name that qualifies a package's objects at pos, if the focal file has one for it there.
func (m *mutator) importName(pkg *types.Package, pos token.Pos) (string, bool) {
	if pkg == m.pkg {
		return "", true
	}
	scope := m.pkg.Scope().Innermost(pos)
	for _, object := range m.imported {
		if object.Imported() != pkg || object.Name() == "." || object.Name() == "_" {
			continue
		}
		if scope == nil {
			return object.Name(), true
		}
		if _, visible := scope.LookupParent(object.Name(), pos); visible == object {
			return object.Name(), true
		}
	}
	return "", false
}

func (m *mutator) extraImports() string {
	var paths []string
	for path := range m.aliases {
		paths = append(paths, path)
	}
	sort.Strings(paths)
	var text strings.Builder
	for _, path := range paths {
		if _, unvendored, ok := strings.Cut("/"+path, "/vendor/"); ok {
			fmt.Fprintf(&text, "; import %s %q", m.aliases[path], unvendored)
		} else {
			fmt.Fprintf(&text, "; import %s %q", m.aliases[path], path)
		}
	}
	return text.String()
}
