"""Cyclomatic complexity by `golang.features` against gocyclo, function by function, over a tree of Go files.

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
    """Print how many functions both see, and how many of those they count alike."""
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
    for path, found in ours.items():
        for name, value in found:
            known = theirs.get((str(path), name), [])
            both += bool(known)
            equal += value in known
            if known and value not in known and both - equal <= 10:
                print(f"{path}: {name}: {value}, by gocyclo {known}")
    count = sum(len(found) for found in ours.values())
    share = f"{equal} alike ({equal / both:.4%})"
    print(f"{len(files)} files, {count} functions, {both} known to gocyclo, {share}")
    print(f"features of code and of tests, parsing included: {seconds:.1f} s CPU")


def _ours(path: Path) -> list[tuple[str, int]]:
    file = parse(path.read_bytes())
    style_of(file)
    return [(each.name, each.value) for each in code_features(file).functions]


def _gocyclo(program: str, tree: Path) -> dict[tuple[str, str], list[int]]:
    """(file, name as ours) → what gocyclo counts there; a name may stand twice, as `init` and `_` do."""
    done = subprocess.run([program, str(tree)], capture_output=True, text=True, check=False)
    found: dict[tuple[str, str], list[int]] = {}
    for line in done.stdout.splitlines():
        match = _LINE.match(line)
        if match:
            name = re.sub(r"[()*]|\[.*?\]", "", match[2])
            found.setdefault((match[3], name), []).append(int(match[1]))
    return found


if __name__ == "__main__":
    main()
