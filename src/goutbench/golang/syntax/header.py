"""Reads the head of a Go file, up to the package clause, without parsing the rest."""

import re

from goutbench.golang.syntax.identifiers import KEYWORDS

_NAME = rb"[A-Za-z_\x80-\xff][\w\x80-\xff]*"
# Only single characters are repeated possessively: Python before 3.11.5 matches possessive groups wrongly.
_COMMENT = rb"//[^\n]*+|/\*[^*]*+\*++(?:[^/*][^*]*+\*++)*/"
_SKIP = rb"(?:[ \t\r\n]++|" + _COMMENT + rb")*"
_LEAD = re.compile(rb"(?:\xef\xbb\xbf)?" + _SKIP)
_CLAUSE = re.compile(rb"package(?![\w\x80-\xff])" + _SKIP + rb"(" + _NAME + rb")")
_COMMENTS = re.compile(_COMMENT)
_GENERATED = re.compile(rb"^// Code generated .* DO NOT EDIT\.\r?$", re.MULTILINE)
_GO_BUILD = re.compile(rb"^//go:build[ \t]+(.*?)[ \t\r]*$", re.MULTILINE)
_PLUS_BUILD = re.compile(rb"^//[ \t]*\+build[ \t]+(.*?)[ \t\r]*$", re.MULTILINE)


def package_name(source: bytes) -> str | None:
    """The name in the package clause; None if the file does not begin with a valid one."""
    clause = _CLAUSE.match(source, header_end(source))
    if clause is None:
        return None
    name = clause[1].decode("utf-8", "replace")
    return name if name.isidentifier() and name not in KEYWORDS else None


def is_generated(source: bytes) -> bool:
    """Whether a comment before the package clause marks the file as generated.

    The rule is that of `go/ast.IsGenerated`: a line `// Code generated … DO NOT EDIT.` in a comment that
    begins before the keyword `package`.
    """
    if source.find(b"// Code generated ") < 0:
        return False
    return any(_GENERATED.search(comment) for comment in _header_comments(source))


def build_constraint(source: bytes) -> str | None:
    """The build constraint as one expression, or None.

    A `//go:build` line takes precedence. Without one, `// +build` lines that a blank line separates from the
    package clause are translated as `go/build` does: a line is an OR of its terms, a comma is an AND.
    """
    header = source[: header_end(source)]
    for comment in _header_comments(source):
        if match := _GO_BUILD.match(comment):
            return match[1].decode("utf-8", "replace")
    blank = max(header.rfind(b"\n\n"), header.rfind(b"\n\r\n"))
    lines = [m[1].decode("utf-8", "replace").split() for m in _PLUS_BUILD.finditer(header, 0, blank + 1)]
    return " && ".join(_disjunction(options) for options in lines) or None


def header_end(source: bytes) -> int:
    """The offset of the first text that is neither blank nor a comment: of `package` in valid Go."""
    lead = _LEAD.match(source)
    return lead.end() if lead else 0


def _header_comments(source: bytes) -> list[bytes]:
    return _COMMENTS.findall(source, 0, header_end(source))


def _disjunction(options: list[str]) -> str:
    terms = [" && ".join(option.split(",")) for option in options]
    terms = [f"({term})" if " " in term and len(options) > 1 else term for term in terms]
    return f"({' || '.join(terms)})" if len(terms) > 1 else terms[0]
