package mutation

import (
	"go/ast"
	"go/types"
	"slices"
)

// A Function is a declaration, bytes Start:End of the focal file, of which copies can be compiled beside it under other
// names. Names are the places of its name: in the declaration, and where it refers to itself.
type Function struct {
	Start int      `json:"start"`
	End   int      `json:"end"`
	Names [][2]int `json:"names"`
}

// functions are those that the compiler translates as they are. Generic ones are translated for their uses only.
func (m *mutator) functions() (list []Function) {
	for _, decl := range m.focal.Syntax.Decls {
		fn, ok := decl.(*ast.FuncDecl)
		if !ok || fn.Body == nil || fn.Name.Name == "_" || isFragile(fn) {
			continue
		}
		object := m.info.Defs[fn.Name]
		if object != nil && isGenericFunction(object) {
			continue
		}
		function := Function{Start: m.offset(fn.Pos()), End: m.offset(fn.End()), Names: [][2]int{}}
		ast.Inspect(fn, func(n ast.Node) bool {
			if name, ok := n.(*ast.Ident); ok && (name == fn.Name || object != nil && m.info.Uses[name] == object) {
				function.Names = append(function.Names, [2]int{m.offset(name.Pos()), m.offset(name.End())})
			}
			return true
		})
		slices.SortFunc(function.Names, func(a, b [2]int) int { return a[0] - b[0] })
		list = append(list, function)
	}
	return list
}

func isGenericFunction(object types.Object) bool {
	signature, ok := object.Type().(*types.Signature)
	return ok && (signature.TypeParams().Len() > 0 || signature.RecvTypeParams().Len() > 0)
}
