"""A work tree with tests that miss something, and a model that replies from a script."""

import json
import subprocess
from dataclasses import dataclass
from pathlib import Path

from goutbench.execute.options import ExecuteOptions
from goutbench.inference.models import Server
from goutbench.mutate.options import MutateOptions
from goutbench.mutate.results import MutateResult
from goutbench.mutate.stage import mutate
from goutbench.write.options import WriteOptions
from goutbench.write.results import WriteResult
from goutbench.write.stage import write

CALC = """package calc

import "errors"

// Clamp limits x.
func Clamp(x, low, high int) int {
	if x < low {
		return low
	}
	if x > high {
		return high
	}
	return x
}

func half(x int) (int, error) {
	if x%2 != 0 {
		return 0, errors.New("odd")
	}
	return x / 2, nil
}
"""
CALC_TEST = """package calc

import "testing"

// check  has odd   spacing, which stays.
func check(t *testing.T, ok bool) {
	t.Helper()
	if !ok { t.Error("wrong") }
}

func TestClamp(t *testing.T) {
	check(t, Clamp(5, 1, 9) == 5)
}
"""
SHOP = """package shop

import "fmt"

// Label names an item.
func Label(name string, count int) string {
	if count > 1 {
		return fmt.Sprintf("%d %ss", count, name)
	}
	return name
}
"""
SHOP_TEST = """package shop_test

import (
	"testing"

	"example.test/m/shop"
)

func TestOne(t *testing.T) {
	if shop.Label("pen", 1) != "pen" {
		t.Error("one")
	}
}
"""
FILES = {
    "go.mod": "module example.test/m\n\ngo 1.22\n",
    "calc/calc.go": CALC,
    "calc/calc_test.go": CALC_TEST,
    "shop/shop.go": SHOP,
    "shop/shop_test.go": SHOP_TEST,
    "bare/bare.go": "//go:build !windows\n\npackage bare\n\nvar table = build()\n\n"
    "func build() map[string]int {\n\tresult := map[string]int{}\n"
    "\tfor i, name := range []string{\"a\", \"b\"} {\n\t\tresult[name] = i\n\t}\n\treturn result\n}\n\n"
    "func Find(name string) int {\n\tif n, ok := table[name]; ok {\n\t\treturn n\n\t}\n\treturn -1\n}\n",
}  # fmt: skip


def test(name: str, statement: str) -> str:
    return f"func {name}(t *testing.T) {{\n\t{statement}\n}}\n"


test.__test__ = False  # type: ignore[attr-defined]  # pytest must not collect it


def reply(package: str, *parts: str, imports: tuple[str, ...] = ("testing",)) -> str:
    specs = "\n".join(f'\t"{path}"' for path in imports)
    return f"```go\npackage {package}\n\nimport (\n{specs}\n)\n\n" + "\n".join(parts) + "```\n"


@dataclass(frozen=True)
class Tree:
    """A work tree and the workspace of its runs."""

    root: Path
    work: Path

    def script(self, *lines: tuple[str, str]) -> str:
        """The name of a model that answers prompts by what they contain."""
        path = self.root.parent / "model.jsonl"
        path.write_text("".join(json.dumps({"contains": c, "reply": r}) + "\n" for c, r in lines))
        return f"scripted/{path}"

    def write(
        self,
        model: str,
        *patterns: str,
        options: WriteOptions | None = None,
        calls: Path | None = None,
        **scope: str,
    ) -> WriteResult:
        """What the command does, without a page. `calls` receives a line for each call of the model."""
        execution = ExecuteOptions(test_seconds=20.0)
        options = options or WriteOptions(rounds=1, execution=execution)
        measured = MutateOptions(execution=execution, **scope)

        def measure() -> MutateResult:
            return mutate(self.root, patterns, measured, workers=2, work=self.work)

        server = Server(model_args={"calls": str(calls)} if calls else {})
        return write(
            self.root, patterns, measure, model, options,
            workers=2, work=self.work, out=self.root.parent / "run", server=server,
        )  # fmt: skip

    def commit(self, files: dict[str, str]) -> None:
        for name, text in files.items():
            (self.root / name).parent.mkdir(parents=True, exist_ok=True)
            (self.root / name).write_text(text)
        self.git("add", "-A")
        self.git("commit", "-q", "-m", "files")

    def contents(self) -> dict[str, bytes]:
        return {str(p.relative_to(self.root)): p.read_bytes() for p in self.root.rglob("*") if p.is_file()}

    def git(self, *arguments: str) -> str:
        author = ["-c", "user.name=a", "-c", "user.email=a@example.org"]
        command = ["git", "-C", str(self.root), *author, *arguments]
        return subprocess.run(command, check=True, capture_output=True, text=True).stdout
