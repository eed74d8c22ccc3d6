"""Measures the code of a package: names, folders, imports and functions, for docs/benchmarks/code.md.

    python tools/code_metrics.py [src/goutbench] [--names] [--chain] [--once] [--imports]

Identifiers are the names that the code itself binds: functions, classes, parameters, variables, attributes of
`self` and fields. A name is private language when one of its words, split at underscores and capitals, is in
PRIVATE_WORDS.
"""

import argparse
import ast
import re
import statistics
from collections import Counter
from collections.abc import Iterator
from pathlib import Path

PRIVATE_WORDS = {
    "found", "each", "made", "words", "kept", "place", "mend", "told", "said", "lies", "whole", "other",
    "wanted", "known", "left", "given", "gone", "begun",
}  # fmt: skip
_WORD = re.compile(r"[A-Z]?[a-z]+|[A-Z]+(?![a-z])|\d+")

Function = ast.FunctionDef | ast.AsyncFunctionDef
Graph = dict[str, set[str]]


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("package", type=Path, nargs="?", default=Path("src/goutbench"))
    parser.add_argument("--names", action="store_true", help="list every identifier of private language")
    parser.add_argument("--chain", action="store_true", help="print the longest chain of imports")
    parser.add_argument("--once", action="store_true", help="list private functions that are used once")
    parser.add_argument("--imports", metavar="MODULE", help="print the longest chain from this module")
    options = parser.parse_args()
    trees = {path: ast.parse(path.read_text("utf-8")) for path in sorted(options.package.rglob("*.py"))}
    graph = import_graph(options.package, trees)
    cycle = find_cycle(graph)
    report(trees, graph, cycle, options.package)
    if options.names:
        list_private_names(trees)
    if options.once:
        print(*sorted(functions_used_once(trees)), sep="\n")
    if (options.chain or options.imports) and not cycle:
        print(*longest_chain(graph, options.imports), sep="\n  -> ")


def report(trees: dict[Path, ast.Module], graph: Graph, cycle: list[str], package: Path) -> None:
    bound = [name for tree in trees.values() for name, _ in identifiers(tree)]
    used = [name for tree in trees.values() for name in occurrences(tree)]
    for title, names in (("identifiers with private words", bound), ("the same, every occurrence", used)):
        private = sum(map(is_private_language, names))
        print(f"{title:32}{private} of {len(names)} ({private / len(names):.1%})")
    folder, files = max(folder_sizes(package).items(), key=lambda item: item[1])
    print(f"files in the largest folder     {files} ({folder})")
    print(f"longest import chain            {'endless' if cycle else len(longest_chain(graph))} modules")
    print(f"import cycle                    {' -> '.join(cycle) or 'none'}")
    lengths = sorted(line_count(node) for tree in trees.values() for node in functions(tree))
    p90 = lengths[int(len(lengths) * 0.9)]
    print(
        f"function lines                  median {statistics.median(lengths):g}, p90 {p90}, max {lengths[-1]}"
    )
    for path, tree in trees.items():
        for node in functions(tree):
            if line_count(node) > 60 and path.parent.name != "cli":
                print(f"  {path}:{node.lineno} {node.name} has {line_count(node)} lines")
    once = len(functions_used_once(trees))
    top = sum(isinstance(node, Function) for tree in trees.values() for node in tree.body)
    print(f"private functions used once     {once} of {top} module-level functions ({once / top:.0%})")
    shared = shared_class_names(trees)
    print(f"public class names used twice   {', '.join(shared) or 'none'}")


def identifiers(tree: ast.Module) -> Iterator[tuple[str, int]]:
    """Every name that the code binds, with its line; a variable once for each function that binds it."""
    for node in ast.walk(tree):
        if isinstance(node, Function | ast.ClassDef):
            yield node.name, node.lineno
        elif isinstance(node, ast.arg):
            yield node.arg, node.lineno
    for scope in (tree, *(node for node in ast.walk(tree) if isinstance(node, Function | ast.ClassDef))):
        yield from bound_in(scope).items()


def occurrences(tree: ast.Module) -> Iterator[str]:
    """Every name at every place where it is bound or used."""
    for node in ast.walk(tree):
        if isinstance(node, ast.Name):
            yield node.id
        elif isinstance(node, ast.Attribute):
            yield node.attr
        elif isinstance(node, Function | ast.ClassDef):
            yield node.name
        elif isinstance(node, ast.arg):
            yield node.arg


def bound_in(scope: ast.AST) -> dict[str, int]:
    """Variables and attributes that this scope itself assigns: name to line."""
    bound: dict[str, int] = {}
    pending = list(ast.iter_child_nodes(scope))
    while pending:
        node = pending.pop()
        if isinstance(node, Function | ast.ClassDef | ast.Lambda):
            continue
        if isinstance(node, ast.Name) and isinstance(node.ctx, ast.Store):
            bound.setdefault(node.id, node.lineno)
        elif isinstance(node, ast.Attribute) and isinstance(node.ctx, ast.Store):
            bound.setdefault(node.attr, node.lineno)
        elif isinstance(node, ast.ExceptHandler) and node.name:
            bound.setdefault(node.name, node.lineno)
        pending.extend(ast.iter_child_nodes(node))
    return bound


def is_private_language(name: str) -> bool:
    return any(word.lower() in PRIVATE_WORDS for word in _WORD.findall(name))


def list_private_names(trees: dict[Path, ast.Module]) -> None:
    for path, tree in trees.items():
        for name, line in sorted(identifiers(tree), key=lambda item: item[1]):
            if is_private_language(name):
                print(f"{path}:{line}: {name}")


def functions(tree: ast.Module) -> Iterator[Function]:
    return (node for node in ast.walk(tree) if isinstance(node, Function))


def line_count(node: Function) -> int:
    """Lines from `def` to the last one, without the docstring."""
    lines = (node.end_lineno or node.lineno) - node.lineno + 1
    if ast.get_docstring(node, clean=False) is not None:
        docstring = node.body[0]
        lines -= (docstring.end_lineno or docstring.lineno) - docstring.lineno + 1
    return lines


def functions_used_once(trees: dict[Path, ast.Module]) -> list[str]:
    """Private module-level functions whose name occurs once outside of their definition."""
    once = []
    for path, tree in trees.items():
        uses = Counter(node.id for node in ast.walk(tree) if isinstance(node, ast.Name))
        once += [
            f"{path}:{node.lineno}: {node.name} ({line_count(node)} lines)"
            for node in tree.body
            if isinstance(node, Function) and node.name.startswith("_") and uses[node.name] == 1
        ]
    return once


def shared_class_names(trees: dict[Path, ast.Module]) -> list[str]:
    names = Counter(
        node.name
        for tree in trees.values()
        for node in tree.body
        if isinstance(node, ast.ClassDef) and not node.name.startswith("_")
    )
    return sorted(f"{name} ({count})" for name, count in names.items() if count > 1)


def folder_sizes(package: Path) -> Counter[Path]:
    files = (path for path in package.rglob("*") if path.is_file() and "__pycache__" not in path.parts)
    return Counter(path.parent for path in files)


def import_graph(package: Path, trees: dict[Path, ast.Module]) -> Graph:
    """Every module with the modules of the package that it imports, inside of functions too."""
    modules = {module_name(package, path): tree for path, tree in trees.items()}
    return {name: set(imported(tree, modules.keys())) - {name} for name, tree in modules.items()}


def module_name(package: Path, path: Path) -> str:
    parts = (package.name, *path.relative_to(package).with_suffix("").parts)
    return ".".join(parts[:-1] if parts[-1] == "__init__" else parts)


def imported(tree: ast.Module, modules: "dict[str, ast.Module] | object") -> Iterator[str]:
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            candidates = [(alias.name, alias.name) for alias in node.names]
        elif isinstance(node, ast.ImportFrom) and node.module:
            candidates = [(f"{node.module}.{alias.name}", node.module) for alias in node.names]
        else:
            continue
        for name, parent in candidates:
            if name in modules:  # type: ignore[operator]
                yield name
            elif parent in modules:  # type: ignore[operator]
                yield parent


def find_cycle(graph: Graph) -> list[str]:
    """One cycle of imports, or an empty list."""
    done: set[str] = set()
    path: list[str] = []

    def visit(module: str) -> list[str]:
        if module in path:
            return [*path[path.index(module) :], module]
        if module in done:
            return []
        path.append(module)
        for target in sorted(graph[module]):
            if cycle := visit(target):
                return cycle
        path.pop()
        done.add(module)
        return []

    return next((cycle for module in graph if (cycle := visit(module))), [])


def longest_chain(graph: Graph, start: str | None = None) -> list[str]:
    """The longest chain of modules of which each imports the next."""
    chains: dict[str, list[str]] = {}

    def chain(module: str) -> list[str]:
        if module not in chains:
            chains[module] = [module, *max((chain(target) for target in graph[module]), key=len, default=[])]
        return chains[module]

    return chain(start) if start else max((chain(module) for module in graph), key=len)


if __name__ == "__main__":
    main()
