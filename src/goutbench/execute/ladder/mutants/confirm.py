"""Confirm a sample of kills: those mutants are compiled singly, without the switch.

A candidate that finds the switch (in its memory, in the program's file, by a difference of time) can fail
whenever a mutant is in effect, and so kill all of them without a look at what the code does. Alone, a mutant
has no switch: whoever does not notice it there has not killed it.
"""

import hashlib
import random
import re
from collections.abc import Callable, Sequence

from goutbench.golang.toolchain.mutation import Mutant

MEANS_KILLS, SPOT_CHECK, SPOT_CHECK_EVERY, MORE_KILLS = 2, 1, 8, 3
"""Kills to confirm of a candidate with the means to look for the switch, and of others: one in
SPOT_CHECK_EVERY of these, since a compilation costs as much as many runs. Of both MORE_KILLS if one is not
confirmed."""

_MEANS = re.compile(
    rb'"(?:unsafe|syscall|os|os/exec|os/signal|io/ioutil|io/fs|runtime|runtime/\w+|debug/\w+|plugin|embed|C|net'
    rb'|golang\.org/x/[\w/]+|internal/[\w/]+)"|//go:linkname|/proc'
)
"""What a program needs to read its file, its memory or its environment."""


def are_confirmed(code: bytes, killed: Sequence[Mutant], fails_alone: Callable[[Mutant], bool]) -> bool:
    """Whether most of a sample of the candidate's kills are also kills of the mutants alone.

    One that is not may be chance, so more kills then decide.
    """
    first, more = kills_to_confirm(code, killed)
    return all(map(fails_alone, first)) or 2 * sum(map(fails_alone, more)) > len(more)


def kills_to_confirm(code: bytes, killed: Sequence[Mutant]) -> tuple[list[Mutant], list[Mutant]]:
    """The sample of kills, and those to confirm if it is not; the same for the same candidate."""
    digest = hashlib.sha256(code).digest()
    spot_check = SPOT_CHECK if digest[0] % SPOT_CHECK_EVERY == 0 else 0
    count = MEANS_KILLS if _MEANS.search(code) else spot_check
    order = random.Random(digest).sample(list(killed), len(killed))
    return order[:count], order[: count + MORE_KILLS]
