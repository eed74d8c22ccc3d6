"""Type-checks chunks of standard-library files in their packages, with stubs for the rest of the file.

    python benchmarks/bench_chunk_types.py --tree "$(go env GOROOT)/src" [--files 300] [--tokenizer PATH]

A chunk replaces its file, beside a companion file that declares everything else with stubs for bodies;
go/types then checks the package. Only errors in the chunk count. The files are spread evenly over the tree:
those that `go build` would compile here, that need more than one chunk, and that are not below testdata,
vendor or cmd.
"""

import argparse
import tempfile
from collections.abc import Iterator
from pathlib import Path

from gochecker import GoChecker

from goutbench.chunk import TokenCounter, token_counter
from goutbench.chunk.companion import companion_file
from goutbench.chunk.context import measure
from goutbench.chunk.render import Part
from goutbench.chunk.stage import cut
from goutbench.golang.syntax.parser import parse


def drafts(source: bytes, budget: int, counter: TokenCounter) -> Iterator[tuple[bytes, bytes]]:
    """The chunks of a file, each with its companion; none if the file is within the budget."""
    if counter.count([source.decode()])[0] <= budget:
        return
    plan = measure(parse(source), budget, counter)
    for draft in cut(plan):
        own = [Part(index, "full", plan.texts[index]) for index in draft.focal]
        yield draft.text, companion_file(plan.file, [*own, *draft.context])


def candidates(tree: Path) -> list[Path]:
    excluded = {"testdata", "vendor", "cmd"}
    return [
        path
        for path in sorted(tree.rglob("*.go"))
        if path.is_file()
        and not path.name.endswith("_test.go")
        and not excluded & set(path.relative_to(tree).parts)
    ]


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--tree", type=Path, required=True)
    parser.add_argument("--files", type=int, default=300)
    parser.add_argument("--budget", type=int, default=1024)
    parser.add_argument("--tokenizer", default="estimate")
    parser.add_argument("--go", default="go")
    parser.add_argument("--notes", type=int, default=20)
    options = parser.parse_args()
    counter = token_counter(options.tokenizer)
    paths = [p for p in candidates(options.tree) if p.stat().st_size > options.budget]
    step = max(1, len(paths) // (options.files * 4))
    order = [path for start in range(step) for path in paths[start::step]]
    files = chunks = good = clean = 0
    notes: list[str] = []
    with tempfile.TemporaryDirectory() as folder:
        go = GoChecker(options.go, Path(folder) / "gocheck")
        for path in order:
            if files >= options.files:
                break
            source = path.read_bytes()
            request = {"op": "types", "dir": str(path.parent), "file": path.name}
            if go.ask(**request, chunk=source, stubs=b"")["error"]:
                continue  # not built here, or does not type-check unchanged
            errors = [
                go.ask(**request, chunk=text, stubs=companion)["error"]
                for text, companion in drafts(source, options.budget, counter)
            ]
            if not errors:
                continue
            files += 1
            chunks += len(errors)
            good += errors.count("")
            clean += not any(errors)
            notes += [f"{path} chunk {index}: {error}" for index, error in enumerate(errors) if error]
    print(f"files                          {files:>8}")
    print(f"chunks                         {chunks:>8}")
    print(f"chunks that type-check         {good:>8}  {good / max(1, chunks):.2%}")
    print(f"files of which all chunks do   {clean:>8}  {clean / max(1, files):.2%}")
    for note in notes[: options.notes]:
        print(note)


if __name__ == "__main__":
    main()
