"""The page: what each test of the patch adds, and why others were dropped; without network or script."""

from importlib.resources import files

from goutbench.dataset.pages import page_identity
from goutbench.records import MutantVerdict
from goutbench.write.output.table import where
from goutbench.write.results import REASONS, WriteResult

COMMAND = "write"
_MAX_TEXT = 120  # characters of the code of a mutant


def render(result: WriteResult) -> str:
    """The page as HTML. Every value is escaped; characters that hide or reorder text are shown as codes."""
    import jinja2

    environment = jinja2.Environment(autoescape=True, undefined=jinja2.StrictUndefined, trim_blocks=True)
    environment.filters["shown"] = _shown
    environment.filters["change"] = _change
    environment.filters["where"] = where
    source = (files("goutbench.write.output") / "page.html.j2").read_text("utf-8")
    return environment.from_string(source).render(
        identity=page_identity(COMMAND, result.root),
        root=result.root.rpartition("/")[2],
        result=result,
        accepted=sorted(result.accepted, key=lambda test: test.test_path),
        written=sum(bool(test.name) for test in result.tests),
        reasons=REASONS,
        patch=result.patch.decode("utf-8", "replace").splitlines(),
        notices=[*result.notices, *result.failures],
        style=(files("goutbench") / "page.css").read_text("utf-8"),
    )


def _shown(text: str) -> str:
    return "".join(c if c.isprintable() or c in "\t\n" else f"\\u{ord(c):04x}" for c in text)


def _change(mutant: MutantVerdict) -> str:
    """ "12.4 conditional-boundary: a < b → a <= b"."""
    before, after = (" ".join(text.split())[:_MAX_TEXT] for text in (mutant.before, mutant.after))
    return f"{mutant.position.partition('-')[0]} {mutant.operator}: {before} → {after or 'nothing'}"
