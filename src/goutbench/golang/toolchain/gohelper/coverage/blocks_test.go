package coverage

import (
	"os"
	"path/filepath"
	"testing"
)

const source = `package p

//line grammar.y:10:3
func F(a int) int {
	if a > 1 { /*line x.y:5*/
		return 2
	}
	return 3
}

var s = "//line other.y:1"
`

func TestBlocksHaveTheirNameInAProfileAndTheirPlace(t *testing.T) {
	path := filepath.Join(t.TempDir(), "x.go")
	if err := os.WriteFile(path, []byte(source), 0o600); err != nil {
		t.Fatal(err)
	}
	blocks, err := Blocks("go", path)
	if err != nil {
		t.Fatal(err)
	}
	if len(blocks) != 3 {
		t.Fatalf("%d blocks: %v", len(blocks), blocks)
	}
	for _, block := range blocks {
		if block.File != "grammar.y" || block.Statements != 1 {
			t.Errorf("block %v", block)
		}
		if block.Actual[0] < 4 || block.Actual[2] > 9 {
			t.Errorf("block %v is not in the function", block)
		}
	}
}

func TestOtherCommentsAreNoDirectives(t *testing.T) {
	text := "package p\n// line a:1\n//line b:1\nvar s = `\n//line c:1\n`\n/*line d:1*/\n"
	want := "package p\n// line a:1\n//LINE b:1\nvar s = `\n//line c:1\n`\n/*LINE d:1*/\n"
	if got := string(withoutDirectives([]byte(text))); got != want {
		t.Errorf("got %q", got)
	}
}
