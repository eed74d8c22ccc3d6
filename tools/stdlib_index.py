"""Writes golang/syntax/data/stdlib.txt: the packages of Go's standard library and what they export.

    python tools/stdlib_index.py [--go PATH] > src/goutbench/golang/syntax/data/stdlib.txt

Read from the toolchain's own source for linux/amd64. A line: import path, package name, exported names.
"""

import argparse
import json
import os
import subprocess
from pathlib import Path

from goutbench.golang.syntax.parser import parse
from goutbench.golang.toolchain.installation import find_toolchain


def main() -> None:
    options = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    options.add_argument("--go", type=Path, help="the go program; by default the one goutbench uses")
    toolchain = find_toolchain(options.parse_args().go)
    print(f"# The standard library of {toolchain.version}, linux/amd64; written by tools/stdlib_index.py")
    for package in _packages(toolchain.go):
        path = str(package["ImportPath"])
        if not {"internal", "vendor"} & set(path.split("/")) and package["Name"] != "main":
            print(path, package["Name"], *sorted(_exported(package)))


def _packages(go: Path) -> list[dict[str, object]]:
    env = {
        **os.environ,
        "GOOS": "linux",
        "GOARCH": "amd64",
        "CGO_ENABLED": "1",
        "GOFLAGS": "",
        "GOTOOLCHAIN": "local",
    }
    fields = "-json=ImportPath,Name,Dir,GoFiles,CgoFiles"
    listed = subprocess.run(
        [go, "list", fields, "std"], env=env, check=True, capture_output=True, text=True
    ).stdout
    decoder, at, found = json.JSONDecoder(), 0, []
    while at < len(listed.rstrip()):
        package, at = decoder.raw_decode(listed, at)
        found.append(package)
        at += 1  # the line break between two objects
    return found


def _exported(package: dict[str, object]) -> set[str]:
    names: set[str] = set()
    for field in ("GoFiles", "CgoFiles"):
        files = package.get(field) or []
        assert isinstance(files, list)
        for name in files:
            file = parse(Path(str(package["Dir"]), name).read_bytes())
            names.update(n for d in file.declarations if d.kind != "method" for n in d.names)
    return {name for name in names if name[:1].isupper()}


if __name__ == "__main__":
    main()
