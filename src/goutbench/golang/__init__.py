"""What knows Go: its syntax (tree-sitter) and its toolchain."""
