"""Where files come from: a git commit or a plain source tree."""
