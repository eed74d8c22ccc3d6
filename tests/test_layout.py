"""The layout of the package: one direction of imports, one entry file for each stage, small folders."""

import ast
from pathlib import Path

import pytest
from code_metrics import find_cycle, folder_sizes, import_graph, longest_chain, shared_class_names

import goutbench

PACKAGE = Path(goutbench.__file__).parent
LAYERS = (
    {"records", "errors"},
    {
        "locations",
        "config",
        "console",
        "parallel",
        "statistics",
        "ratings",
        "embeddings",
        "plotting",
        "dataset",
        "golang",
        "storage",
    },
    {"baselines", "chunk", "dedup", "inference"},
    {"prompts", "assemble"},
    {"curate", "split", "leakage", "describe", "train", "generate", "execute", "judge", "report", "gaps"},
    {"environments", "facts", "harvest", "merge", "mutate", "rounds"},
    {"tasks", "write"},
    {"api", "cli", "__main__", "_registry"},
)
"""Top-level modules and packages. A layer imports from earlier layers, the first two also from themselves."""

STAGES = (LAYERS[4] | LAYERS[5] | LAYERS[6] | {"chunk", "assemble"}) - {"environments"}
TREES = {path: ast.parse(path.read_text("utf-8")) for path in sorted(PACKAGE.rglob("*.py"))}
GRAPH = import_graph(PACKAGE, TREES)


def unit(module: str) -> str:
    """The top-level module or package that a module belongs to; `__init__` for the package itself."""
    return module.split(".")[1] if "." in module else "__init__"


def layer(name: str) -> int:
    return next(number for number, layer in enumerate(LAYERS) if name in layer)


@pytest.mark.parametrize("module", sorted(GRAPH.keys() - {"goutbench"}))
def test_a_module_imports_from_lower_layers_only(module: str) -> None:
    own = unit(module)
    for target in GRAPH[module] - {"goutbench"}:
        other = unit(target)
        same_base = own != other and layer(own) <= 1
        assert own == other or layer(other) < layer(own) + same_base or layer(own) == len(LAYERS) - 1, target


def test_records_and_errors_import_nothing_of_the_package() -> None:
    assert GRAPH["goutbench.records"] == GRAPH["goutbench.errors"] == set()


def test_every_top_level_unit_has_a_layer() -> None:
    names = {
        path.stem if path.is_file() else path.name for path in PACKAGE.iterdir() if path.name != "__init__.py"
    }
    code = {
        name
        for name in names
        if (PACKAGE / f"{name}.py").exists() or (PACKAGE / name / "__init__.py").exists()
    }
    assert code == set().union(*LAYERS)


def test_every_stage_has_the_same_entry_file() -> None:
    assert [stage for stage in sorted(STAGES) if not (PACKAGE / stage / "stage.py").exists()] == []


def test_no_import_is_part_of_a_cycle() -> None:
    assert find_cycle(GRAPH) == []


def test_no_chain_of_imports_is_longer_than_twelve_modules() -> None:
    chain = longest_chain(GRAPH)
    assert len(chain) <= 12, " -> ".join(chain)


def test_no_folder_has_more_than_fourteen_files() -> None:
    assert {str(folder): files for folder, files in folder_sizes(PACKAGE).items() if files > 14} == {}


def test_no_two_public_classes_share_a_name() -> None:
    assert shared_class_names(TREES) == []


def test_no_module_is_a_collection_of_unrelated_helpers() -> None:
    assert not list(PACKAGE.rglob("util*.py"))
