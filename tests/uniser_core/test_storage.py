"""Runs onto a real S3 server: the bytes of a local run, and no credentials in sight."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pyarrow.fs as pafs
import pytest

from tests.s3 import served
from tests.uniser_core.jobs import DimJob
from uniser_core.errors import InputError
from uniser_core.runner import RunOptions, run_job
from uniser_core.storage import resolve

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from tests.s3 import Uri


@pytest.fixture(scope="module")
def s3() -> Iterator[Uri]:
    with served() as found:
        yield found


def there(uri: str) -> dict[str, bytes]:
    """Bytes of all files below a place, by name."""
    filesystem, path = pafs.FileSystem.from_uri(uri)
    infos = filesystem.get_file_info(pafs.FileSelector(path, recursive=True))
    files = [i.path for i in infos if i.type == pafs.FileType.File]
    return {f.removeprefix(f"{path}/"): filesystem.open_input_stream(f).read() for f in files}


def run(out: str, workers: int = 1) -> None:
    done = run_job(DimJob(count=12), out, RunOptions(workers=workers, progress=False))
    assert not done.held


def shards(files: dict[str, bytes]) -> dict[str, bytes]:
    return {name: data for name, data in files.items() if name.endswith((".parquet", "manifest.json"))}


def test_a_run_onto_s3_has_the_bytes_of_a_local_one(s3: Uri, tmp_path: Path) -> None:
    run(str(tmp_path / "local"))
    run(s3("steady"), workers=2)
    found = there(s3("steady"))
    assert len(shards(found)) == 13
    assert shards(found) == shards(there(str(tmp_path / "local")))
    assert not [name for name in found if ".tmp-" in name]


@pytest.mark.parametrize(
    "uri",
    [
        "s3://abc:hunter2@bucket/set",
        "s3://abc:hun/ter2@bucket/set",
        "s3://hunter2@bucket/set?region=x",
        "gs://hunter2@b/s",
    ],
)
def test_credentials_in_a_uri_are_refused_and_not_repeated(uri: str) -> None:
    with pytest.raises(InputError, match="holds credentials") as refused:
        resolve(uri)
    told = str(refused.value)
    assert "AWS_ACCESS_KEY_ID" in told
    assert not any(secret in told for secret in ("abc", "hun", "ter2"))


def test_at_signs_in_names_are_no_credentials(tmp_path: Path) -> None:
    assert resolve("s3://bucket/a@b?region=us-east-1")[1] == "bucket/a@b"
    assert resolve(tmp_path / "a@b")[1] == str(tmp_path / "a@b")
