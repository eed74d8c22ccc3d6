"""The first step: refuse what no Go tool should have to read."""

import re

from goutbench.execute.ladder.faults import FORGED

MAX_BYTES = 2 << 20
"""The largest candidate: no test file of the ten repositories is nearly as long."""


_LINKS_TO_MAIN = re.compile(r"^//go:linkname\s+\S+\s+main\.", re.MULTILINE)
"""A name of the generated main program, such as its list of tests. The linker itself refuses those of package
testing."""


def refusal(code: str) -> tuple[str, str] | None:
    """The reason and evidence why a candidate is not given to any Go tool, else None."""
    try:
        size = len(code.encode("utf-8"))
    except UnicodeEncodeError:
        return "not-unicode", "the candidate is not valid UTF-8"
    if size > MAX_BYTES:
        return "too-large", f"{size} bytes; the limit is {MAX_BYTES}"
    if "\0" in code:
        return "syntax", "the candidate holds a NUL byte"
    if link := _LINKS_TO_MAIN.search(code):
        return FORGED, f"the test program's own variables are not the candidate's: {link[0]}"
    return None
