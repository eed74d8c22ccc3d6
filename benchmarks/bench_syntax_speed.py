"""Speed of declarations, outlines and references of Go files, against a bare tree-sitter parse and go/parser.

    python benchmarks/bench_syntax_speed.py --tree "$(go env GOROOT)/src" [--every 20] [--rounds 5]

CPU time. The Python sides alternate file by file in one run. Each round gives a ratio; the median of the
rounds counts. go/parser parses comments, too, but does not resolve names; it runs in a separate process.
The outlines of curate come from declarations alone; the last row compares them with outlines of a full parse.
"""

import argparse
import gc
import statistics
import tempfile
from pathlib import Path
from time import process_time

from gochecker import GoChecker
from gofiles import add_source_options, go_files
from tree_sitter import Language, Parser

from goutbench.golang.syntax.header import is_generated, package_name
from goutbench.golang.syntax.outline import file_outline
from goutbench.golang.syntax.parser import parse, parse_declarations


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    add_source_options(parser)
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--go", default="go")
    options = parser.parse_args()
    sources = [source for _, source in go_files(options)]
    size = sum(map(len, sources)) / 1e6
    bare = bare_parser()
    rows = []
    for _ in range(options.rounds):
        gc.collect()
        parsing = reading = linking = outlining = outlining_fully = heads = 0.0
        for source in sources:
            start = process_time()
            bare.parse(source)
            parsed = process_time()
            file = parse(source)
            read = process_time()
            file_outline(file)
            outlined = process_time()
            for declaration in file.declarations:
                declaration.references  # noqa: B018
            linked = process_time()
            file_outline(parse_declarations(source))
            declared = process_time()
            package_name(source)
            is_generated(source)
            heads += process_time() - declared
            parsing, reading = parsing + parsed - start, reading + read - parsed
            linking, outlining = linking + linked - outlined, outlining + declared - linked
            outlining_fully += outlined - parsed
        rows.append((parsing, reading + linking, outlining, outlining_fully, heads))
    go = go_seconds(options.go, sources)
    parsing, reading, outlining, _, heads = (statistics.median(column) for column in zip(*rows, strict=True))
    ratio = statistics.median(row[0] / row[1] for row in rows)
    print(f"{len(sources)} files, {size:.1f} MB, {options.rounds} rounds, CPU time")
    print(f"bare tree-sitter parse             {size / parsing:8.2f} MB/s")
    print(f"declarations and references        {size / reading:8.2f} MB/s  {ratio:.2f}x bare tree-sitter")
    share = statistics.median(row[2] / row[3] for row in rows)
    print(f"outlines                           {size / outlining:8.2f} MB/s  {share:.2f}x of a full parse's")
    print(f"package_name and is_generated      {size / heads:8.0f} MB/s")
    print(f"go/parser                          {size / go:8.2f} MB/s  {parsing / go:.2f}x bare tree-sitter")


def bare_parser() -> Parser:
    import tree_sitter_go

    return Parser(Language(tree_sitter_go.language()))


def go_seconds(go: str, sources: list[bytes]) -> float:
    with tempfile.TemporaryDirectory() as folder:
        checker = GoChecker(go, Path(folder) / "gocheck")
        return sum(float(checker.ask(op="parse", source=source)["seconds"]) for source in sources)


if __name__ == "__main__":
    main()
