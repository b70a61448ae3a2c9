"""An S3 server that refuses, stalls and dies: a run ends with the bytes of a local one, or says what to do."""

from __future__ import annotations

import hashlib
import json
from typing import TYPE_CHECKING
from urllib.parse import unquote, urlsplit

import pyarrow.parquet as pq
import pytest

from tests import faulty_proxy
from tests.s3 import served, uri_at
from tests.uniser_core.jobs import DimJob
from tests.uniser_core.test_storage import shards, there
from uniser_core import patience, storage
from uniser_core.errors import InputError, StorageError
from uniser_core.farm import farm_status, retry_failed
from uniser_core.run_folder import RunFolder, part_name
from uniser_core.runner import RunOptions, RunSummary, run_job
from uniser_core.shard import PairSet
from uniser_core.storage import Store

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from tests.faulty_proxy import Faults
    from tests.s3 import Uri


COUNT = 6


def run(out: str, *, verify: bool = False) -> RunSummary:
    return run_job(DimJob(count=COUNT), out, RunOptions(progress=False, verify=verify))


@pytest.fixture(scope="module")
def s3() -> Iterator[Uri]:
    with served() as found:
        yield found


@pytest.fixture
def faulty(s3: Uri) -> Iterator[tuple[Uri, Faults]]:
    address = urlsplit(unquote(s3("").partition("endpoint_override=")[2].partition("&")[0]))
    assert address.hostname is not None
    assert address.port is not None
    with faulty_proxy.before(address.hostname, address.port) as (proxy, faults):
        yield uri_at(proxy), faults


@pytest.fixture(scope="module")
def local(tmp_path_factory: pytest.TempPathFactory) -> dict[str, bytes]:
    out = tmp_path_factory.mktemp("local")
    run(str(out))
    return shards(there(str(out)))


def test_every_tenth_request_is_refused(s3: Uri, faulty: tuple[Uri, Faults], local: dict[str, bytes]) -> None:
    uri, faults = faulty
    faults.refuse_every = 10
    run(uri("tenth"))
    assert faults.refused > 3
    found = there(s3("tenth"))
    assert shards(found) == local
    assert not [name for name in found if ".tmp-" in name]
    assert len(list(PairSet(uri("tenth")).rows())) == 2 * COUNT  # reading is as patient
    assert run(uri("tenth"), verify=True).made == 0


def test_what_stalls_and_what_dies_in_the_middle_of_an_upload(
    s3: Uri, faulty: tuple[Uri, Faults], local: dict[str, bytes], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(patience, "REQUEST_TIMEOUT_S", 1.0)
    uri, faults = faulty
    faults.stall_every, faults.stall_s = 30, 2.0
    faults.cut_upload_after, faults.down_s = 2000, 3.0
    run(uri("dies"))
    assert faults.cut == 1
    assert faults.stalled > 0
    assert shards(there(s3("dies"))) == local


@pytest.mark.slow
def test_a_server_that_stays_away_ends_the_run_and_the_same_line_goes_on(
    s3: Uri, faulty: tuple[Uri, Faults], local: dict[str, bytes], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(patience, "PATIENCE_S", 1.0)
    uri, faults = faulty
    faults.cut_upload_after, faults.down_s = 2000, 3600.0
    with pytest.raises(StorageError):
        run(uri("away"))
    assert faults.cut == 1
    assert "manifest.json" not in there(s3("away"))
    faults.down_until = 0.0
    run(uri("away"))
    assert shards(there(s3("away"))) == local


def test_what_no_patience_mends_is_told_at_once(s3: Uri) -> None:
    with pytest.raises(InputError, match="does not exist"):
        Store(s3("nothing")).read("manifest.json")
    with pytest.raises(FileNotFoundError):
        Store(s3("nothing")).open("shard-00000.parquet")


def test_two_workers_on_one_shard_leave_one_consistent_pair(s3: Uri) -> None:
    """Each publishes its record, then its shard; the other's comes between. The shard that is there has its record."""
    out = s3("twice")
    run_job(DimJob(count=1, trouble=((0, "crash"),)), out, RunOptions(progress=False))  # one worker failed by chance
    folder = RunFolder.open(out)
    failed_shard, failed_parts = folder.store.read("shard-00000.parquet"), folder.store.names("_run/parts")
    failed_part = folder.store.read(failed_parts[0])
    retry_failed(out)
    run_job(DimJob(count=1), out, RunOptions(progress=False))
    good_shard = folder.store.read("shard-00000.parquet")
    assert good_shard != failed_shard
    folder.store.write(failed_parts[0], failed_part)  # both records are there, the good one's shard was last
    assert folder.finish()["failed"] == 0
    folder.store.write("shard-00000.parquet", failed_shard)  # and the other way round
    assert folder.finish()["failed"] == 1
    manifest = json.loads(folder.store.read("manifest.json"))
    assert manifest["shards"][0]["sha256"] == hashlib.sha256(failed_shard).hexdigest()


def test_abandoned_uploads_are_swept_when_they_are_old(s3: Uri, monkeypatch: pytest.MonkeyPatch) -> None:
    out = s3("left")
    run(out)
    store = Store(out)
    left = [f"shard-00003.parquet{storage.TEMPORARY}0123", f"_run/parts/00003.json{storage.TEMPORARY}4567"]
    for name in left:
        with store.fs.open_output_stream(store.path(name)) as sink:
            sink.write(b"half")
    run(out)
    assert set(left) <= set(there(out))  # another node may be writing it
    told = farm_status(out)
    assert set(told.unfinished_s) == set(left)
    assert all(0 <= age_s < 600 for age_s in told.unfinished_s.values())
    assert "uploads not finished: 2, " in "\n".join(told.lines())
    monkeypatch.setattr(storage, "ABANDONED_AFTER_S", 0.0)
    run(out)
    assert not set(left) & set(there(out))
    assert "uploads not finished" not in "\n".join(farm_status(out).lines())
    assert "shard-00003.parquet" in there(out)


@pytest.mark.parametrize("harm", ["cut short", "no record", "a flipped bit"])
def test_a_damaged_shard_is_made_again_by_the_same_line(tmp_path: Path, local: dict[str, bytes], harm: str) -> None:
    run(str(tmp_path))
    path = tmp_path / "shard-00004.parquet"
    content = path.read_bytes()
    verify = harm == "a flipped bit"
    if harm == "cut short":
        path.write_bytes(content[: len(content) // 2])
    elif harm == "no record":
        sha256 = hashlib.sha256(content).hexdigest()
        (tmp_path / part_name(4, sha256)).unlink()
    else:
        path.write_bytes(content[:500] + bytes([content[500] ^ 1]) + content[501:])
        assert run(str(tmp_path)).made == 0  # sizes tell nothing of it
    done = run(str(tmp_path), verify=verify)
    assert (done.made, done.damaged) == (1, [4])
    assert "damaged shards taken out: 4" in done.lines()
    assert shards(there(str(tmp_path))) == local
    assert pq.read_table(path).num_rows == 2
