package mutation

import (
	"go/ast"
	"go/constant"
	"go/token"
	"go/types"
	"strings"
)

// sliceBound moves a bound of a slice expression by one, inwards. A constant lower bound has a mutant of its literal.
func sliceBound(f *finder, n ast.Node) {
	slice, ok := n.(*ast.SliceExpr)
	if !ok {
		return
	}
	if low := slice.Low; low != nil && f.m.info.Types[low].Value == nil {
		f.moveBound(low, "+1")
	}
	if high := slice.High; high != nil {
		if value := f.m.info.Types[high].Value; value == nil || constant.Sign(value) > 0 {
			f.moveBound(high, "-1")
		}
	}
}

func (f *finder) moveBound(bound ast.Expr, by string) {
	text := f.m.text(bound)
	switch bound.(type) {
	case *ast.Ident, *ast.BasicLit, *ast.CallExpr, *ast.SelectorExpr, *ast.IndexExpr, *ast.ParenExpr:
	default:
		text = "(" + text + ")"
	}
	tv := f.m.info.Types[bound]
	mut := f.add(bound.Pos(), bound.End(), text+by, asValue, bound)
	mut.typ, mut.trial = tv.Type, tv.Value != nil
}

// aliased uses the original where the code makes a copy.
func aliased(f *finder, n ast.Node) {
	switch n := n.(type) {
	case *ast.CallExpr:
		if original := f.copied(n); original != nil && types.Identical(f.m.info.TypeOf(original), f.m.info.TypeOf(n)) {
			mut := f.add(n.Pos(), n.End(), f.m.text(original), asValue, n)
			mut.typ, mut.trial, mut.keep = f.m.info.TypeOf(n), true, "_ = "+f.m.text(n)
		}
	case *ast.ExprStmt:
		call, ok := n.X.(*ast.CallExpr)
		if !ok || !f.isBuiltin(call, "copy") || !f.isListed(n) {
			return
		}
		to, ok := call.Args[0].(*ast.Ident)
		if ok && types.Identical(f.m.info.TypeOf(to), f.m.info.TypeOf(call.Args[1])) {
			f.add(n.Pos(), n.End(), f.m.text(to)+" = "+f.m.text(call.Args[1]), asStatement, n).trial = true
		}
	}
}

// copied is what a call copies: append([]T(nil), s...), slices.Clone(s), s.Clone(); nil for other calls.
func (f *finder) copied(call *ast.CallExpr) ast.Expr {
	switch {
	case f.isBuiltin(call, "append"):
		if len(call.Args) == 2 && call.Ellipsis.IsValid() && f.isEmptySlice(call.Args[0]) {
			return call.Args[1]
		}
	case len(call.Args) == 1:
		if f.calls(call, "slices", "Clone") || f.calls(call, "maps", "Clone") || f.calls(call, "bytes", "Clone") {
			return call.Args[0]
		}
	case len(call.Args) == 0:
		if selector, ok := call.Fun.(*ast.SelectorExpr); ok && f.m.info.Types[selector.X].IsValue() {
			switch selector.Sel.Name {
			case "Clone", "Copy", "DeepCopy", "clone", "copy", "deepCopy":
				return selector.X
			}
		}
	}
	return nil
}

// isEmptySlice reports whether an expression is []T(nil) or []T{}.
func (f *finder) isEmptySlice(e ast.Expr) bool {
	switch e := ast.Unparen(e).(type) {
	case *ast.CallExpr:
		return f.m.info.Types[e.Fun].IsType() && len(e.Args) == 1 && f.m.info.Types[e.Args[0]].IsNil()
	case *ast.CompositeLit:
		return len(e.Elts) == 0
	}
	return false
}

// wrongError hides a wrapped error, or takes another error of the same package.
func wrongError(f *finder, n ast.Node) {
	switch n := n.(type) {
	case *ast.CallExpr:
		if len(n.Args) < 2 || !f.calls(n, "fmt", "Errorf") {
			return
		}
		if format, ok := n.Args[0].(*ast.BasicLit); ok && strings.Contains(format.Value, "%w") {
			mut := f.add(format.Pos(), format.End(), strings.ReplaceAll(format.Value, "%w", "%v"), asValue, format)
			mut.typ = f.m.info.TypeOf(format)
		}
	case *ast.SelectorExpr:
		if pkg, ok := n.X.(*ast.Ident); ok {
			if _, ok := f.m.info.Uses[pkg].(*types.PkgName); ok {
				f.otherError(n, n.Sel)
			}
		}
	case *ast.Ident:
		if selector, ok := f.parent(1).(*ast.SelectorExpr); !ok || selector.Sel != n {
			f.otherError(n, n)
		}
	}
}

func (f *finder) otherError(n ast.Expr, name *ast.Ident) {
	variable, ok := f.m.info.Uses[name].(*types.Var)
	if !ok || variable.Pkg() == nil || variable.Parent() != variable.Pkg().Scope() || !isError(variable.Type()) || !f.isRead(n) {
		return
	}
	if other := f.m.errorAfter(variable); other != "" {
		mut := f.add(name.Pos(), name.End(), other, asValue, n)
		mut.typ, mut.trial = variable.Type(), true
	}
}

// isRead reports whether the current node is in a function, and its value is used there, not set or compared with nil.
func (f *finder) isRead(n ast.Expr) bool {
	if _, ok := f.m.focal.Syntax.Decls[f.unit].(*ast.FuncDecl); !ok {
		return false
	}
	switch p := f.parent(1).(type) {
	case *ast.AssignStmt:
		for _, left := range p.Lhs {
			if left == n {
				return false
			}
		}
	case *ast.UnaryExpr, *ast.SelectorExpr:
		return false
	case *ast.KeyValueExpr:
		return p.Value == n
	case *ast.BinaryExpr:
		return f.comparedWithNil(p) == nil
	}
	return true
}

// errorAfter is the next error variable of the same package in the order of names, and the first one after the last. In
// this package only those count that a literal text initialises: they depend on no function.
func (m *mutator) errorAfter(variable *types.Var) string {
	scope := variable.Pkg().Scope()
	var names []string
	for _, name := range scope.Names() {
		object, ok := scope.Lookup(name).(*types.Var)
		if !ok || !isError(object.Type()) {
			continue
		}
		if object == variable || object.Pkg() == m.pkg && m.plainErrors()[name] || object.Pkg() != m.pkg && object.Exported() {
			names = append(names, name)
		}
	}
	for i, name := range names {
		if other := names[(i+1)%len(names)]; name == variable.Name() && other != name {
			return other
		}
	}
	return ""
}

// plainErrors are the package's variables like errors.New("text").
func (m *mutator) plainErrors() map[string]bool {
	if m.errorVariables != nil {
		return m.errorVariables
	}
	m.errorVariables = map[string]bool{}
	for _, file := range m.own {
		if file.Syntax == nil {
			continue
		}
		for _, decl := range file.Syntax.Decls {
			if decl, ok := decl.(*ast.GenDecl); ok && decl.Tok == token.VAR {
				for _, spec := range decl.Specs {
					m.addPlainErrors(spec.(*ast.ValueSpec))
				}
			}
		}
	}
	return m.errorVariables
}

func (m *mutator) addPlainErrors(spec *ast.ValueSpec) {
	for i, name := range spec.Names {
		if i >= len(spec.Values) {
			return
		}
		call, ok := spec.Values[i].(*ast.CallExpr)
		if !ok || len(call.Args) != 1 {
			continue
		}
		_, literal := call.Args[0].(*ast.BasicLit)
		if selector, ok := call.Fun.(*ast.SelectorExpr); ok && literal && (selector.Sel.Name == "New" || selector.Sel.Name == "Errorf") {
			m.errorVariables[name.Name] = true
		}
	}
}

// zeroField leaves a field of a struct literal at the zero value of its type.
func zeroField(f *finder, n ast.Node) {
	pair, ok := n.(*ast.KeyValueExpr)
	if !ok {
		return
	}
	literal, ok := f.parent(1).(*ast.CompositeLit)
	key, isName := pair.Key.(*ast.Ident)
	if !ok || !isName {
		return
	}
	field, ok := f.m.info.Uses[key].(*types.Var)
	if !ok || !field.IsField() || len(literal.Elts) > maxElements {
		return
	}
	if text := f.zeroOf(pair.Value, field.Type()); text != "" {
		mut := f.add(pair.Value.Pos(), pair.Value.End(), text, asValue, pair.Value)
		mut.typ, mut.trial = field.Type(), true
	}
}

// zeroOf is the zero value of a type, instead of an expression; empty if the expression is that, or its literal has a mutant.
func (f *finder) zeroOf(e ast.Expr, typ types.Type) string {
	tv := f.m.info.Types[e]
	if _, isLiteral := e.(*ast.BasicLit); isLiteral || tv.IsNil() || tv.Value != nil && isZero(tv.Value) {
		return ""
	}
	if basic, ok := typ.Underlying().(*types.Basic); ok {
		switch {
		case basic.Info()&types.IsBoolean != 0 && (tv.Value == nil || f.m.text(e) != "true"):
			return "false"
		case basic.Info()&types.IsNumeric != 0:
			return "0"
		case basic.Info()&types.IsString != 0:
			return `""`
		}
		return ""
	}
	return f.zeroComposite(e, typ)
}

func isZero(value constant.Value) bool {
	switch value.Kind() {
	case constant.Bool:
		return !constant.BoolVal(value)
	case constant.String:
		return constant.StringVal(value) == ""
	case constant.Int, constant.Float, constant.Complex:
		return constant.Sign(value) == 0
	}
	return false
}

// zeroComposite is the zero value of a type that is not basic.
func (f *finder) zeroComposite(e ast.Expr, typ types.Type) string {
	if _, isParameter := types.Unalias(typ).(*types.TypeParam); isParameter {
		return "*new(" + types.TypeString(typ, nil) + ")"
	}
	switch typ.Underlying().(type) {
	case *types.Pointer, *types.Slice, *types.Map, *types.Chan, *types.Signature, *types.Interface:
		return "nil"
	case *types.Struct, *types.Array:
		literal, isLiteral := e.(*ast.CompositeLit)
		if name, ok := f.m.typeName(typ, e.Pos()); ok && !(isLiteral && len(literal.Elts) == 0) {
			return name + "{}"
		}
	}
	return ""
}

// typeName is a named type or an array as the focal file can write it at pos, without an import of its own.
func (m *mutator) typeName(typ types.Type, pos token.Pos) (string, bool) {
	switch types.Unalias(typ).(type) {
	case *types.Named, *types.Array:
		return m.typeText(typ, pos)
	}
	return "", false
}

func (m *mutator) typeText(typ types.Type, pos token.Pos) (text string, ok bool) {
	ok = true
	text = types.TypeString(types.Default(typ), func(pkg *types.Package) string {
		name, visible := m.importName(pkg, pos)
		ok = ok && visible
		return name
	})
	return text, ok
}
