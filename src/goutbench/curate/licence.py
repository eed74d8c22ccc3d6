"""The licence of a file at its commit, with the evidence.

The first of these counts: an `SPDX-License-Identifier` in the file's header; a licence notice in the header;
the licence files of the nearest folder above; what `repos.yaml` declares; else `NOASSERTION`.
"""

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from functools import lru_cache
from typing import Any

from goutbench.curate.filters import Content
from goutbench.golang.syntax.header import header_end

UNKNOWN = "NOASSERTION"
_FILE_NAME = re.compile(
    rb"(un)?licen[cs]es?([._-].*)?|cop(ying|yright)([._-].*)?|mit-licen[cs]e.*", re.IGNORECASE
)
_NOT_TEXT = re.compile(rb"\.(go|py|sh|js|ts|csv|json|ya?ml|tmpl|html?)$", re.IGNORECASE)
_SPDX_TAG = re.compile(rb"SPDX-License-Identifier:[ \t]*([^\r\n*]+)")
_BARE_GNU = re.compile(r"((?:A|L)?GPL|GFDL)-\d\.\d")
_CHOICE = re.compile(rb"licen[cs]e[._-](mit|apache|bsd|isc|mpl|gpl|lgpl|unlicense|0bsd|zlib)", re.IGNORECASE)
_MAX_NOTICE_BYTES = 8192
_LONGEST_EXPRESSION = 2000  # characters
_MIN_TEXT = 120  # characters: shorter matches are addresses and mentions, not texts
_PERMISSIVE_CATEGORIES = {"Permissive", "Public Domain"}


@dataclass(frozen=True, slots=True)
class Licence:
    """An SPDX expression, the file it was read from (None: declared or unknown), and the evidence."""

    expression: str
    file: str | None
    evidence: str


def is_licence_file(path: bytes) -> bool:
    """Whether a file is a licence file by its name."""
    name = path.rsplit(b"/", 1)[-1]
    return _FILE_NAME.fullmatch(name) is not None and _NOT_TEXT.search(name) is None


def licences(
    sources: Mapping[bytes, bytes], licence_files: Mapping[bytes, Content], declared: str | None = None
) -> dict[bytes, Licence]:
    """The licence of each source file.

    `sources` maps paths to bytes, `licence_files` the paths of licence files to their contents. The text of a
    GNU licence does not say whether "only" or "or later" is meant; a notice in any source file does. If the
    nearest licence file cannot be read or recognised, the search ends: licences further up do not apply.
    """
    headers = {path: _from_header(path, source) for path, source in sources.items()}
    stated = {licence.expression for licence in headers.values() if licence}
    or_later = {expression for expression in stated if expression.endswith("-or-later")}
    files = _LicenceFiles(licence_files, or_later)
    fallback = Licence(UNKNOWN, None, "none found")
    if declared:
        fallback = Licence(declared, None, "declared in repos.yaml")
    return {path: headers[path] or files.nearest(path) or fallback for path in sources}


def joint_licence(code: Licence, test: Licence) -> Licence:
    """The licence of a row: its code's, joined with its test's if they differ."""
    if code.expression == test.expression:
        return code
    if UNKNOWN in (code.expression, test.expression):
        unknown, partner = (code, test) if code.expression == UNKNOWN else (test, code)
        return Licence(UNKNOWN, unknown.file, f"{unknown.evidence}; beside {partner.expression}")
    expression = _joined((code.expression, test.expression))
    assert expression is not None
    return Licence(expression, code.file, f"{code.evidence}; of the test: {test.evidence}")


def is_permissive(expression: str) -> bool:
    """Whether an SPDX expression allows use under a permissive licence (or in the public domain).

    One of several alternatives (OR) must be permissive, but all of several joined licences (AND). Categories
    are those of the licence index in `license-expression`. An unknown licence is not permissive.
    """
    if expression == UNKNOWN:
        return False
    parsed = _parsed(expression)
    return parsed is not None and _permissive(parsed)


def normalised(expression: str) -> str | None:
    """An SPDX expression in its usual spelling; None if it is not valid SPDX."""
    parsed = _parsed(expression.strip(), validate=True)
    return str(parsed) if parsed is not None else None


def _parsed(expression: str, *, validate: bool = False) -> Any:
    """A licence expression as a tree; None if it is not one."""
    if len(expression) > _LONGEST_EXPRESSION:
        return None
    try:
        return _licensing().parse(expression, validate=validate)
    except Exception:  # of some malformed texts the library raises AssertionError, IndexError and others
        return None


def _permissive(node: Any) -> bool:
    from license_expression import LicenseWithExceptionSymbol

    if isinstance(node, LicenseWithExceptionSymbol):
        return _permissive(node.license_symbol)
    if node.isliteral:
        return _categories().get(node.key, "") in _PERMISSIVE_CATEGORIES
    return (any if node.operator.strip() == "OR" else all)(_permissive(part) for part in node.args)


def _from_header(path: bytes, source: bytes) -> Licence | None:
    header = source[: min(header_end(source), _MAX_NOTICE_BYTES)]
    if b"licen" not in header.lower():
        return None
    file = path.decode("utf-8", "backslashreplace")
    tags = [tag.decode("utf-8", "replace").removesuffix("-->").strip() for tag in _SPDX_TAG.findall(header)]
    if tags:
        expressions = [normalised(tag) for tag in tags]
        if None in expressions:  # custom terms: no licence further up replaces them
            named = tags[expressions.index(None)]
            return Licence(UNKNOWN, file, f"its header names {named!r}, which is not in the SPDX list")
        expression = _joined(expression for expression in expressions if expression)
        return Licence(expression or UNKNOWN, file, "SPDX-License-Identifier in its header")
    # without the years, which differ from file to file, most notices are in the cache
    notice = _notice(re.sub(rb"\d{4}", b"", header).decode("utf-8", "replace"))
    return Licence(notice, file, "notice in its header") if notice else None


@lru_cache(maxsize=4096)
def _notice(header: str) -> str | None:
    from licenseclassifier import identify_license

    return _joined(_canonical(match.id, set()) for match in identify_license(header, 60.0))


class _LicenceFiles:
    """The licence files of a repository by folder; `or_later` are the GNU licences of notices."""

    def __init__(self, files: Mapping[bytes, Content], or_later: set[str]) -> None:
        self._or_later = or_later
        by_folder: dict[bytes, list[Content]] = {}
        for path in sorted(files):
            by_folder.setdefault(path.rpartition(b"/")[0], []).append(files[path])
        self._licences = {folder: self._licence(contents) for folder, contents in by_folder.items()}

    def nearest(self, path: bytes) -> Licence | None:
        """The licence of the nearest folder at or above a file that has licence files."""
        folder = path.rpartition(b"/")[0]
        while folder and folder not in self._licences:
            folder = folder.rpartition(b"/")[0]
        return self._licences.get(folder)

    def _licence(self, files: list[Content]) -> Licence:
        names = ", ".join(file.path.decode("utf-8", "backslashreplace") for file in files)
        unreadable = [file.state for file in files if file.state != "present"]
        if unreadable:
            return Licence(UNKNOWN, names, f"a licence file is {unreadable[0]}")
        identified = [(file.path, *self._identify(file.data)) for file in files]
        recognised = [(path, expression, share) for path, expression, share in identified if expression]
        if not recognised:
            return Licence(UNKNOWN, names, "no licence text was recognised in it")
        lesser = [entry for entry in recognised if entry[1].startswith("LGPL")]
        if lesser and all(entry[1].startswith(("LGPL", "GPL")) for entry in recognised):
            recognised = lesser  # the LGPL adds to the GPL, so projects include both texts
        is_choice = len(recognised) > 1 and all(
            _CHOICE.fullmatch(path.rsplit(b"/", 1)[-1]) for path, _, _ in recognised
        )
        operator = " OR " if is_choice else " AND "
        expression = _joined((expression for _, expression, _ in recognised), operator)
        assert expression is not None
        names = ", ".join(path.decode("utf-8", "backslashreplace") for path, _, _ in recognised)
        shares = ", ".join(f"{share:.0f}%" for _, _, share in recognised)
        return Licence(expression, names, f"licence text covers {shares} of the file")

    def _identify(self, content: bytes) -> tuple[str | None, float]:
        # By its name the file is a licence. The share that the text covers is evidence and no threshold:
        # half of a BUSL-1.1 file is its parameters.
        from licenseclassifier import identify_license

        text = content.decode("utf-8", "replace")
        regions = [match for match in identify_license(text, 0.0) if match.end - match.start >= _MIN_TEXT]
        covered = sum(match.end - match.start for match in regions)
        expression = _joined(_canonical(match.id, self._or_later) for match in regions)
        return expression, 100 * covered / max(len(text), 1)


def _canonical(spdx: str, or_later: set[str]) -> str:
    if not _BARE_GNU.fullmatch(spdx):
        return spdx
    return f"{spdx}-or-later" if f"{spdx}-or-later" in or_later else f"{spdx}-only"


def _joined(expressions: Iterable[str], operator: str = " AND ") -> str | None:
    distinct = sorted(set(expressions))
    if len(distinct) < 2:
        return distinct[0] if distinct else None
    return operator.join(f"({part})" if " " in part else part for part in distinct)


@lru_cache(maxsize=1)
def _licensing() -> Any:
    from license_expression import get_spdx_licensing

    return get_spdx_licensing()


@lru_cache(maxsize=1)
def _categories() -> dict[str, str]:
    from license_expression import get_license_index

    return {
        entry["spdx_license_key"]: entry["category"] for entry in get_license_index() if "category" in entry
    }
