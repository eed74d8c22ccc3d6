"""Addresses of object storage: `s3://BUCKET/KEY` and `gs://BUCKET/KEY`."""

import logging
import re
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING, Self

from goutbench.errors import (
    ConfigError,
    GoutbenchError,
    StorageError,
    ToolError,
    first_line,
    without_credentials,
)

if TYPE_CHECKING:
    from fsspec import AbstractFileSystem

_SPELLING = re.compile(r"(s3|gs):/{1,2}([^/]+)/*(.*)", re.DOTALL)  # Path makes one slash of two
_NAME = re.compile(r"[A-Za-z0-9._-]+")
_HINT = "the same command resumes; credentials are those of the environment, as for aws and gcloud"


class RemoteConflict(StorageError):
    """Another machine writes to the same address: going on would only make more that cannot be sent."""


@dataclass(frozen=True, slots=True)
class Address:
    """A folder or an object of a bucket."""

    scheme: str
    bucket: str
    key: str

    def __str__(self) -> str:
        return f"{self.scheme}://{self.path}"

    @property
    def path(self) -> str:
        """The name in its file system."""
        return f"{self.bucket}/{self.key}"

    @property
    def name(self) -> str:
        return self.key.rpartition("/")[2]

    @property
    def parent(self) -> str:
        """The path of the folder that contains it."""
        return self.path.rpartition("/")[0]

    @classmethod
    def parse(cls, text: str) -> Self:
        """The address that a text is, also where Path has made one slash of two.

        Raises ConfigError for an address with credentials, without a key, or with `..`.
        """
        match = _SPELLING.fullmatch(text)
        if match is None:
            hint = "give s3://BUCKET/FOLDER or gs://BUCKET/FOLDER"
            raise ConfigError("not an address", where=text[:2] + ":…", hint=hint)
        scheme, bucket, key = match.groups()
        parts = [part for part in key.split("/") if part]
        if not _NAME.fullmatch(bucket):
            what = "an address has the name of a bucket, without keys, users or ports"
            hint = "give credentials and server as aws and gcloud take them, in the environment"
            raise ConfigError(what, where=f"{scheme}://…", hint=hint)
        if not parts or {".", ".."} & set(parts):
            hint = f"give {scheme}://BUCKET/FOLDER"
            raise ConfigError("not the address of a folder", where=f"{scheme}://{bucket}/", hint=hint)
        return cls(scheme, bucket, "/".join(parts))

    def open(self) -> "AbstractFileSystem":
        """The file system of the address, with credentials of the environment.

        Raises ToolError where its package is missing.
        """
        package, extra = {"s3": ("s3fs", "s3"), "gs": ("gcsfs", "gcs")}[self.scheme]
        try:
            import fsspec

            logging.getLogger("asyncio").addFilter(_is_of_interest)
            return fsspec.filesystem(self.scheme, skip_instance_cache=True, use_listings_cache=False)
        except ImportError:
            what = f"this needs the package {package!r}, which is not installed"
            hint = f"pip install 'goutbench[{extra}]'"
            raise ToolError(what, where=str(self), hint=hint) from None


def _is_of_interest(record: logging.LogRecord) -> bool:
    """Whether a message of asyncio is no echo of a lost connection, which is an error or is tried again."""
    return record.exc_info is None or not isinstance(record.exc_info[1], ConnectionError)


@contextmanager
def remote_errors(where: str) -> Iterator[None]:
    """Raises StorageError for whatever a file system raises, without the credentials in its message."""
    try:
        yield
    except GoutbenchError:
        raise
    except Exception as error:
        reason = without_credentials(first_line(error))[:300]
        raise StorageError(f"{type(error).__name__}: {reason}", where=where, hint=_HINT) from None
