"""Curate: repositories in, a verifiable dataset out."""

from goutbench.curate.compare import Difference
from goutbench.curate.sources.source import SourceLocations
from goutbench.curate.stage import curate, make_lock
from goutbench.curate.staging import Event
from goutbench.curate.verify import verify

__all__ = ["Difference", "Event", "SourceLocations", "curate", "make_lock", "verify"]
