"""What a Go file declares and what its declarations refer to, by tree-sitter, in process."""

from goutbench.golang.header import build_constraint, is_generated, package_name

__all__ = ["build_constraint", "is_generated", "package_name"]
