"""Completions that were paid for, in a run folder."""

from pathlib import Path

from goutbench.dataset import journal
from goutbench.dataset.journal import request_key
from goutbench.records import Completion

__all__ = ["JOURNAL", "Journal", "request_key"]

JOURNAL = "completions.jsonl"


class Journal(journal.Journal[Completion]):
    """The completions of a run folder by request: a repair and a first answer alike."""

    def __init__(self, folder: Path) -> None:
        super().__init__(folder / JOURNAL, Completion)
