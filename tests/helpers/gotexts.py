"""Small Go files that differ as files of a repository differ, and copies of them as people make copies."""

import random
import re

_VERBS = [
    "load",
    "parse",
    "merge",
    "close",
    "visit",
    "encode",
    "rotate",
    "prune",
    "lookup",
    "commit",
    "flush",
]
_NOUNS = ["header", "block", "volume", "session", "metric", "template", "module", "route", "ledger", "cursor"]


def go_file(seed: int, functions: int = 6) -> str:
    """A Go file of its own: structure, names and literals come from the seed."""
    rng = random.Random(seed)
    head = (
        f'// Package {rng.choice(_NOUNS)} is number {seed}.\npackage p\n\nimport (\n\t"fmt"\n\t"strings"\n)\n'
    )
    return head + "".join(_function(rng, seed, number) for number in range(functions))


def _function(rng: random.Random, seed: int, number: int) -> str:
    name = rng.choice(_VERBS).title() + rng.choice(_NOUNS).title() + str(number)
    value, result = rng.sample(_NOUNS, 2)
    lines = [_line(rng, value, result) for _ in range(rng.randint(4, 9))]
    body = "\n".join(lines)
    return (
        f"\n// {name} has {seed} in mind.\nfunc {name}({value} []string) (string, error) {{\n"
        f"\tvar {result} string\n{body}\n\treturn {result}, nil\n}}\n"
    )


def _line(rng: random.Random, value: str, result: str) -> str:
    return rng.choice(
        [
            f"\tif len({value}) > {rng.randint(1, 999)} {{\n\t\treturn {result}, fmt.Errorf({rng.random()})\n\t}}",  # noqa: E501
            f"\tfor i, one := range {value} {{\n\t\t{result} += strings.Repeat(one, i+{rng.randint(1, 99)})\n\t}}",  # noqa: E501
            f'\t{result} = strings.ReplaceAll({result}, "{rng.choice(_VERBS)}", "{rng.random()}")',
            f"\tswitch {{\n\tcase {result} == {value}[{rng.randint(0, 9)}]:\n\t\tpanic({rng.random()})\n\t}}",
            f"\t{value} = append({value}[:{rng.randint(1, 9)}], {result}, fmt.Sprint({rng.random()}))",
            f"\tdefer func() {{ {value}[{rng.randint(0, 9)}] = strings.ToUpper({result}) }}()",
        ]
    )


def recommented(text: str) -> str:
    """The same with other comments, imports in another form, and another layout."""
    text = re.sub(r"//.*", "/* rewritten */", text)
    text = text.replace('import (\n\t"fmt"\n\t"strings"\n)', 'import "strings"\nimport "fmt"\n')
    return "// Copyright\n\n" + text.replace("\t", "    ").replace(" {\n", " {\n\n")


def renamed(text: str) -> str:
    """The same with every name of its own changed consistently."""
    return re.sub(r"\b(" + "|".join([*_NOUNS, "one", "i"]) + r")\b", r"\1Renamed", _functions_renamed(text))


def _functions_renamed(text: str) -> str:
    return re.sub(r"func ([A-Z])", r"func My\1", text)


def edited(text: str, seed: int) -> str:
    """The same with one function taken out and another put in."""
    start, end = [found.start() for found in re.finditer(r"\n// \w+ has", text)][:2]
    return text[:start] + text[end:] + go_file(seed + 1_000_000, functions=1).split(")\n", 1)[1]
