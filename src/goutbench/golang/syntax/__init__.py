"""Go syntax in process, by tree-sitter: declarations, references, scopes, imports."""
