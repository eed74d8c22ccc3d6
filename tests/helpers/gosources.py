"""Random Go files that are valid, for property tests."""

from hypothesis import strategies as st

_NAMES = [f"n{i}" for i in range(12)]


@st.composite
def go_files(draw: st.DrawFn) -> bytes:
    """A file of functions, methods, types, constants and variables that refer to one another."""
    names = draw(st.lists(st.sampled_from(_NAMES), unique=True, min_size=1))
    kinds = {name: draw(st.sampled_from(["func", "func", "struct", "const", "var"])) for name in names}
    parts = [
        "package p\n",
        'import (\n\t"fmt"\n\t"strings"\n)\n',
        'var _ = fmt.Sprint(strings.ToUpper(""))\n',
    ]
    for name, kind in kinds.items():
        parts.append(_declare(draw, name, kind, kinds))
    for index in range(draw(st.integers(0, 2))):
        parts.append(f"func init() {{ fmt.Print({index}) }}\n")
    return "\n".join(parts).encode()


def _declare(draw: st.DrawFn, name: str, kind: str, kinds: dict[str, str]) -> str:
    doc = f"// {name} is documented.\n" * draw(st.integers(0, 2))
    if kind == "struct":
        methods = draw(st.integers(0, 3))
        texts = [f"{doc}type {name} struct {{\n\ta int\n\tb string\n}}\n"]
        return "\n".join([*texts, *(_method(draw, name, i, methods, kinds) for i in range(methods))])
    if kind == "const":
        return f"{doc}const (\n\t{name} = iota\n\t{name}x\n)\n"
    if kind == "var":
        return f"{doc}var {name} = {draw(st.integers(0, 9))}\n"
    return f"{doc}func {name}() int {{\n{_body(draw, kinds)}\treturn 0\n}}\n"


def _method(draw: st.DrawFn, receiver: str, index: int, methods: int, kinds: dict[str, str]) -> str:
    call = f"\tt.m{draw(st.integers(0, methods - 1))}()\n" * draw(st.integers(0, 1))
    return f"func (t *{receiver}) m{index}() {{\n{call}{_body(draw, kinds)}\t_ = t.a\n}}\n"


def _body(draw: st.DrawFn, kinds: dict[str, str]) -> str:
    lines = []
    for name in draw(st.lists(st.sampled_from(sorted(kinds)), max_size=5)):
        use = {"func": f"_ = {name}()", "struct": f"_ = {name}{{a: 1}}.b"}.get(kinds[name], f"_ = {name} + 1")
        lines.append(f"\t{use}\n")
    lines += ['\tfmt.Println(strings.TrimSpace("text of some length"))\n'] * draw(st.integers(0, 4))
    return "".join(lines)
