"""Cyclomatic complexity by goutbench against gocyclo, function by function, for a tree of Go files.

python benchmarks/bench_features.py --tree "$(go env GOROOT)/src" --gocyclo "$(go env GOPATH)/bin/gocyclo"
(go install github.com/fzipp/gocyclo/cmd/gocyclo@v0.6.0)
"""

import argparse
import re
import subprocess
import time
from pathlib import Path

from goutbench.golang.analysis.features import code_features, style_of
from goutbench.golang.syntax.parser import parse

_LINE = re.compile(r"^(\d+) \S+ (\S+) (.+):\d+:\d+$")


def main() -> None:
    """Print how many functions both tools list, and for how many the counts are equal."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--tree", type=Path, required=True)
    parser.add_argument("--gocyclo", default="gocyclo")
    options = parser.parse_args()
    files = [path for path in options.tree.rglob("*.go") if "testdata" not in path.parts]
    theirs = _gocyclo(options.gocyclo, options.tree)
    start = time.process_time()
    ours = {path: _ours(path) for path in files}
    seconds = time.process_time() - start
    both = equal = 0
    for path, values in ours.items():
        for name, value in values:
            expected = theirs.get((str(path), name), [])
            both += bool(expected)
            equal += value in expected
            if expected and value not in expected and both - equal <= 10:
                print(f"{path}: {name}: {value}, gocyclo {expected}")
    count = sum(len(values) for values in ours.values())
    share = f"{equal} equal ({equal / both:.4%})"
    print(f"{len(files)} files, {count} functions, {both} listed by gocyclo, {share}")
    print(f"features of code and of tests, with parsing: {seconds:.1f} s CPU")


def _ours(path: Path) -> list[tuple[str, int]]:
    file = parse(path.read_bytes())
    style_of(file)
    return [(function.name, function.value) for function in code_features(file).functions]


def _gocyclo(program: str, tree: Path) -> dict[tuple[str, str], list[int]]:
    """(file, name as in goutbench) → complexities by gocyclo; names such as `init` and `_` may repeat."""
    done = subprocess.run([program, str(tree)], capture_output=True, text=True, check=False)
    complexities: dict[tuple[str, str], list[int]] = {}
    for line in done.stdout.splitlines():
        match = _LINE.match(line)
        if match:
            name = re.sub(r"[()*]|\[.*?\]", "", match[2])
            complexities.setdefault((match[3], name), []).append(int(match[1]))
    return complexities


if __name__ == "__main__":
    main()
