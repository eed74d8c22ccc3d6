"""An S3 server for all tests of this folder, and an empty bucket for each."""

from collections.abc import Iterator
from pathlib import Path

import boto3
import pytest
from object_storage import BUCKET, Wire, s3_server


@pytest.fixture(scope="session")
def server() -> Iterator[Wire]:
    with s3_server() as wire:
        yield wire


@pytest.fixture
def wire(server: Wire, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Wire]:
    """The wire, with credentials, one attempt for each request, and a cache in the environment."""
    for name, value in {
        "AWS_ENDPOINT_URL_S3": server.url, "AWS_ACCESS_KEY_ID": "AKIAEXAMPLEEXAMPLE",
        "AWS_SECRET_ACCESS_KEY": "secretsecretsecret", "AWS_DEFAULT_REGION": "us-east-1",
        "AWS_MAX_ATTEMPTS": "1", "GOUTBENCH_CACHE": str(tmp_path / "cache"),
        "AWS_CONFIG_FILE": "/nonexistent", "AWS_SHARED_CREDENTIALS_FILE": "/nonexistent",
    }.items():  # fmt: skip
        monkeypatch.setenv(name, value)
    bucket = boto3.resource("s3").Bucket(BUCKET)
    bucket.create()
    yield server
    server.cut_after = None
    bucket.objects.delete()
