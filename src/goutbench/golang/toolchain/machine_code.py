"""Trivial compiler equivalence: mutants whose function compiles to the machine code of the original.

One build translates a copy of the function for each mutant, and one without a mutant, in the same package.
Names differ between copies, and so do the numbers of what the compiler names by number; all else of the code
and of the data that it refers to has to be the same (Papadakis et al., "Trivial Compiler Equivalence", ICSE
2015).
"""

import hashlib
import re
from collections import defaultdict
from collections.abc import Callable, Iterable, Iterator, Sequence
from pathlib import Path

from goutbench.golang.toolchain.mutation import CopyableFunction, Mutant, MutationPlan

_COPY = "{prefix}F{function}M{mutant}"
_SYMBOL = re.compile(r"^(\S.*?) (?:<\d+> )?(S[A-Z]+) (?:.* )?size=(\d+)")
_CODE = re.compile(r"^\t0x[0-9a-f]{4,} (?:[0-9a-f]{2} ){1,16}")
_RELOCATION = "\trel "
_NUMBERED = re.compile(r"\S*\.\.(?:stmp_|typeAssert\.|interfaceSwitch\.|gobytes\.)\d+")
_LOCAL_TYPE = re.compile(r"·\d+")
_LONGEST_HEADER = 2000  # characters; the name of a hostile type may have millions
_BATCH = 2_000_000
"""Bytes of copies that one build compiles, which bounds its memory and its listing."""


MACHINE_CODE = "the same machine code"
"""The proof of these mutants; others have those of `gohelper/mutation/equivalent.go`."""


def prove_equivalent(
    plan: MutationPlan,
    source: bytes,
    mutants: Iterable[Mutant],
    answers: dict[int, bool],
    list_code: Callable[[bytes], Path | None],
) -> dict[int, str]:
    """The proofs, by id, of those mutants of the focal file `source` that are equivalent to the original.

    `answers` are what is already known, by id, and are added to; one build compiles many others. `list_code`
    compiles the package with another focal file, and returns the assembly listing. If it returns none, as
    when a limit stops it, no other mutant is equivalent.
    """
    ids = sorted({mutant.id for mutant in mutants})
    new = [mutant for mutant in plan.mutants if mutant.id in ids and mutant.id not in answers]
    for batch in _batches(plan.functions, new):
        if copies := with_copies(source, plan.functions, batch, plan.prefix):
            listing = list_code(copies)
            same: frozenset[int] = frozenset()
            if listing is not None:
                with listing.open(encoding="utf-8", errors="replace") as lines:
                    same = same_code(lines, plan.prefix)
                listing.unlink()
            answers |= {mutant.id: mutant.id in same for mutant in batch}
    return {number: MACHINE_CODE for number in ids if answers.get(number)}


def _batches(functions: Sequence[CopyableFunction], mutants: Iterable[Mutant]) -> Iterator[list[Mutant]]:
    """The mutants in groups, of which the copies have about _BATCH bytes."""
    batch: list[Mutant] = []
    size = 0
    for mutant in mutants:
        batch.append(mutant)
        size += sum(f.end - f.start for f in functions if f.start <= mutant.start < f.end)
        if size > _BATCH:
            yield batch
            batch, size = [], 0
    if batch:
        yield batch


def with_copies(
    source: bytes, functions: Sequence[CopyableFunction], mutants: Iterable[Mutant], prefix: str
) -> bytes:
    """The focal file with a copy of its function for each mutant that is in one, and one as it is.

    It is empty if there are no copies. `prefix` begins the names of all copies, and no other name.
    """
    copies: list[bytes] = []
    of_function: dict[int, list[Mutant]] = defaultdict(list)
    for mutant in mutants:
        for number, function in enumerate(functions):
            if function.start <= mutant.start and mutant.end <= function.end:
                of_function[number].append(mutant)
    for number, inside in of_function.items():
        for change in (None, *inside):
            name = _COPY.format(prefix=prefix, function=number, mutant=change.id if change else 0)
            copies.append(_copy(source, functions[number], name.encode(), change))
    return b"\n".join([source, *copies, b""]) if copies else b""


def _copy(source: bytes, function: CopyableFunction, name: bytes, mutant: Mutant | None) -> bytes:
    changes = [(start, end, name) for start, end in function.names]
    if mutant is not None:
        changes = [
            (start, end, text) for start, end, text in changes if end <= mutant.start or mutant.end <= start
        ]
        changes.append((mutant.start, mutant.end, mutant.replacement.encode()))
    text, at = b"", function.start
    for start, end, new in sorted(changes):
        text, at = text + source[at:start] + new, end
    return text + source[at : function.end]


def same_code(listing: Iterable[str], prefix: str) -> frozenset[int]:
    """The ids of the mutants whose copies have the machine code of the copy without a mutant.

    `listing` is what the compiler prints with -S for the file of `with_copies`.
    """
    copy = re.compile(re.escape(prefix) + r"F(\d+)M(\d+)")
    symbols = _symbols(listing, copy)
    data = {name: lines for name, lines in symbols.items() if _NUMBERED.fullmatch(name)}
    codes: dict[tuple[int, int], list[str]] = defaultdict(list)
    for name, lines in symbols.items():
        if (match := copy.search(name)) and not name.startswith(("type:", "go:")):
            plain = [copy.sub("COPY", _LOCAL_TYPE.sub("·", line)) for line in _resolved(lines, data)]
            codes[int(match[1]), int(match[2])].append("\n".join([copy.sub("COPY", name), *plain]))
    digests = {
        key: hashlib.sha256("\0".join(sorted(parts)).encode()).digest() for key, parts in codes.items()
    }
    return frozenset(
        mutant
        for (function, mutant), digest in digests.items()
        if mutant and digest == digests.get((function, 0))
    )


def _symbols(listing: Iterable[str], copy: re.Pattern[str]) -> dict[str, list[str]]:
    """The code and relocations of the copies and of numbered data, by symbol."""
    symbols: dict[str, list[str]] = {}
    current: list[str] | None = None
    for line in listing:
        if not line.startswith("\t"):
            header = _SYMBOL.match(line) if len(line) <= _LONGEST_HEADER else None
            current = None
            if header and (copy.search(header[1]) or _NUMBERED.fullmatch(header[1])):
                current = symbols.setdefault(header[1], [f"{header[2]} {header[3]}"])
        elif current is not None:
            if line.startswith(_RELOCATION):
                current.append(line.rstrip())
            elif code := _CODE.match(line):
                current.append(code[0])
    return symbols


def _resolved(lines: Sequence[str], data: dict[str, list[str]], depth: int = 8) -> list[str]:
    """The lines with the content of numbered data in place of its name."""

    def content(name: re.Match[str]) -> str:
        inner = data.get(name[0])
        if inner is None or depth == 0:
            return name[0]
        return hashlib.sha256("\n".join(_resolved(inner, data, depth - 1)).encode()).hexdigest()

    return [_NUMBERED.sub(content, line) for line in lines]
