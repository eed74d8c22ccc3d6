"""The pairing rules by name. To add one, write a class like `SameName` and add a line to RULES."""

from goutbench.curate.pairing.by_use import ByUse
from goutbench.curate.pairing.rule import PairingRule
from goutbench.curate.pairing.same_name import SameName
from goutbench.errors import ConfigError

RULES: dict[str, PairingRule] = {"same-name": SameName(), "by-use": ByUse()}


def pairing_rule(name: str) -> PairingRule:
    """The rule of this name. Raises ConfigError where there is none."""
    if name not in RULES:
        hint = f"one of {', '.join(sorted(RULES))}"
        raise ConfigError(f"there is no pairing rule {name!r}", where="pairing", hint=hint)
    return RULES[name]
