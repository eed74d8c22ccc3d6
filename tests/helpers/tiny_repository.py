"""A repository with one function and its test: the least that every command can work on."""

from pathlib import Path

from gitmaker import GitMaker

FILES = {
    "go.mod": "module example.com/tiny\n\ngo 1.22\n",
    "tiny.go": "package tiny\n\n// Double returns twice x.\nfunc Double(x int) int { return 2 * x }\n",
    "tiny_test.go": """package tiny

import "testing"

func TestDouble(t *testing.T) {
	if got := Double(2); got != 4 {
		t.Error(got)
	}
	if got := Double(-3); got != -6 {
		t.Error(got)
	}
}
""",
}


def tiny_repository(folder: Path, constraint: str = "") -> Path:
    """Write the repository, bare, with one commit; the focal file begins with the build constraint."""
    maker = GitMaker.create(folder)
    focal = f"{constraint}\n\n{FILES['tiny.go']}" if constraint else FILES["tiny.go"]
    maker.commit({**FILES, "tiny.go": focal})
    maker.finish()
    return folder
