"""The unit of judging: two candidates for one sample of an item."""

from dataclasses import dataclass

ItemKey = tuple[str, tuple[str, ...]]
"""An item: the id of its pair, and its focal functions (none: the file)."""


@dataclass(frozen=True, slots=True)
class Comparison:
    """The candidates of two models for one sample of an item, and what a judge is shown of the item.

    For a file `code` and `reference` are the focal file and the reference test. For a function they are the
    function with its context, and the tests that exercise it. `text_a` and `text_b` are the candidates' code.
    """

    id: str
    pair_id: str
    repository: str
    path: str
    package: str
    focal: tuple[str, ...]
    sample: int
    code: str
    reference: str
    model_a: str
    model_b: str
    candidate_a: str
    candidate_b: str
    text_a: str
    text_b: str

    @property
    def item(self) -> ItemKey:
        return self.pair_id, self.focal

    @property
    def description(self) -> str:
        """What is tested, in one line for each fact; the repository chose all of the words."""
        facts = {
            "repository": self.repository,
            "package": self.package,
            "file": self.path,
            "under test": ", ".join(self.focal) or "all of the file",
        }
        return "\n".join(f"{name}: {' '.join(text.split())}" for name, text in facts.items())

    def texts(self, order: str) -> tuple[str, str]:
        """The candidates in the order of a prompt, "ab" or "ba"."""
        return (self.text_a, self.text_b) if order == "ab" else (self.text_b, self.text_a)
