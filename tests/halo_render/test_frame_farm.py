"""Frame runs by the command line: same bytes whichever way, Blender killed or not; plan, scenes, and a user's file."""

import json
import os
import random
import signal
import time
from pathlib import Path

import pyarrow.parquet as pq
import pytest

from halo_render.blender.session import RenderSettings
from halo_render.plan import Cost, farm_lines
from tests.cli import start, uniser
from tests.uniser_core.jobs import shard_bytes

pytest.importorskip("bpy")

SMALL = ("--resolution", "48x32", "--samples", 4, "--min-samples", 1, "--seed", 5)
OBJ = "v -1 -1 0\nv 1 -1 0\nv 1 1 0\nv -1 1 0\nv 0 0 1.5\nf 1 2 5\nf 2 3 5\nf 3 4 5\nf 4 1 5\nf 4 3 2 1\n"


@pytest.fixture(scope="module")
def scene(tmp_path_factory):
    """A user's file: quick to load, so that many frames cost little."""
    path = tmp_path_factory.mktemp("scene, mine – ü") / "tent.obj"
    path.write_text(OBJ)
    return path


def frames(scene, out, *more):
    return ("halo", "frames", "--scene", scene, "--cameras", 6, *SMALL, "--out", out, *more)


@pytest.fixture(scope="module")
def reference(scene, tmp_path_factory):
    out = tmp_path_factory.mktemp("frames")
    assert "6 frames in 6 of 6 shards" in uniser(*frames(scene, out)).stdout
    return shard_bytes(out)


def test_workers_and_shards_make_the_same_frames(scene, tmp_path, reference):
    uniser(*frames(scene, tmp_path / "two", "--workers", 2))
    assert shard_bytes(tmp_path / "two") == reference
    for part in (0, 1):
        uniser(*frames(scene, tmp_path / "parts", "--shard", f"{part}/2"))
    assert shard_bytes(tmp_path / "parts") == reference
    assert list((tmp_path / "two" / "_run" / "logs").iterdir())  # Blender's chatter is there, not on the terminal


def test_limit_takes_the_first_frames_of_the_plan(scene, tmp_path):
    uniser(*frames(scene, tmp_path / "out", "--limit", 2))
    rows = [r for p in sorted((tmp_path / "out").glob("*.parquet")) for r in pq.read_table(p).to_pylist()]
    assert [r["camera_id"] for r in rows] == ["camera01", "camera02"]
    assert len({r["seed"] for r in rows}) == 2
    assert json.loads(rows[0]["camera"])["pose"] != json.loads(rows[1]["camera"])["pose"]


def test_a_dry_run_says_what_it_will_cost(scene, tmp_path):
    plan = json.loads(uniser(*frames(scene, tmp_path / "out", "--dry-run", "--json")).stdout)
    assert plan["frames"] == plan["cameras a scene"] == 6
    assert plan["seconds a frame, this machine"] > 0
    assert not (tmp_path / "out").exists()


def blender_children(parent: int) -> list[int]:
    """Worker processes of a run, found the way the kernel knows them."""
    found = []
    for status in Path("/proc").glob("[0-9]*/stat"):
        try:
            fields = status.read_text().rsplit(")", 1)[1].split()
            command = (status.parent / "cmdline").read_bytes()
        except (OSError, IndexError):
            continue
        if int(fields[1]) == parent and b"spawn_main" in command:
            found.append(int(status.parent.name))
    return found


@pytest.mark.parametrize("kills", [3, pytest.param(20, marks=pytest.mark.slow)])
def test_killing_blender_loses_nothing(scene, tmp_path, reference, kills):
    """Kill the Blender child at random moments; a frame that died twice is made by the next run of the command."""
    out, moments, killed = tmp_path / "out", random.Random(2), 0
    while killed < kills:
        process = start(*frames(scene, out, "--retries", 50))
        while process.poll() is None and killed < kills:
            time.sleep(moments.uniform(0.2, 2.5))
            for child in blender_children(process.pid):
                os.kill(child, signal.SIGKILL)
                killed += 1
        if process.wait() == 0 and killed < kills:
            for shard in out.glob("*.parquet"):  # all done too soon: make some again under fire
                shard.unlink()
    uniser(*frames(scene, out, "--retries", 50))
    assert shard_bytes(out) == reference


def test_a_frame_that_kills_blender_is_set_aside_with_its_log(scene, tmp_path):
    """A memory cap that nothing can keep stands for a scene that is too large."""
    slow = ("--resolution", 512, "--samples", 400, "--min-samples", 200)
    done = uniser(*frames(scene, tmp_path / "out", "--limit", 1, "--memory-mb", 50, *slow), code=3)
    assert "took more than 50 MB of memory" in done.stdout
    failed = pq.read_table(tmp_path / "out" / "_run" / "failed.parquet").to_pylist()
    assert failed[0]["item"].endswith("camera01")
    assert failed[0]["attempts"] == 2


def test_haze_on_frames_has_their_exact_depth(scene, tmp_path, reference):
    frames_uri = tmp_path / "frames"
    uniser(*frames(scene, frames_uri, "--limit", 1))
    command = ("haze", "render", "--source", f"frames:{frames_uri}", "--variants", 2, "--out", tmp_path / "haze")
    uniser(*command)
    rows = [r for p in (tmp_path / "haze").glob("*.parquet") for r in pq.read_table(p).to_pylist()]
    assert {json.loads(r["params"])["depth_source"] for r in rows} == {"render"}
    assert {r["origin"] for r in rows} == {"render_3d"}
    assert uniser(*command[:-1], tmp_path / "recipe", "--store", "recipe", code=3).stdout.count("HDR") >= 1


def test_scenes_are_listed_and_wrong_ones_told():
    table = json.loads(uniser("halo", "scenes", "--json").stdout)
    assert len({r["scene"] for r in table}) == len(table)
    assert all(r["about"] for r in table)
    indoor = sum(r["kind"] == "indoor" for r in table)
    assert abs(indoor - (len(table) - indoor)) <= 2
    done = uniser("halo", "frames", "--scene", "nowhere_99", "--out", "/nonexistent", code=2)
    assert "nowhere_99" in done.stderr
    assert len(done.stderr.strip().splitlines()) == 1


def test_there_are_78_recipes_of_distinct_code():
    from halo_render.scenes import recipes

    found = recipes()
    assert len(found) == 78
    kinds: dict[str, int] = {}
    for made in found.values():
        kinds[made.archetype] = kinds.get(made.archetype, 0) + 1
        assert made.scene_id.startswith(made.archetype)
    assert len(kinds) >= 13
    assert len({r.build.__code__.co_code for r in found.values()}) == 78


@pytest.mark.slow
@pytest.mark.parametrize("kind", ["living_room", "street", "mountains"])
def test_recipes_render_and_differ_by_seed(kind, tmp_path):
    uniser("halo", "frames", "--scene", f"{kind}_01", "--cameras", 2, *SMALL, "--out", tmp_path / "out")
    rows = [r for p in sorted((tmp_path / "out").glob("*.parquet")) for r in pq.read_table(p).to_pylist()]
    assert len(rows) == 2
    assert rows[0]["rgb"] != rows[1]["rgb"]
    assert all(json.loads(r["lights"]) for r in rows)


def test_a_device_that_is_not_there_is_told_at_once(scene, tmp_path):
    """Metal exists on no Linux, and Blender there does not know its name."""
    for device, reason in (("metal", "unknown to Blender on this platform"), ("gpu", "known: cpu, cuda")):
        done = uniser(*frames(scene, tmp_path / "out", "--device", device), code=2)
        told = [line for line in done.stderr.splitlines() if "cannot be loaded" not in line]
        assert len(told) == 1
        assert f"--device {device}" in told[0]
        assert reason in told[0]
        assert not (tmp_path / "out").exists()


def test_farm_lines_are_commands_that_a_shell_can_read():
    import shlex

    lines = farm_lines(Cost(40, 4, 10, 2.0, 1e6), RenderSettings(64, 48, threads=3), 7, "out")
    assert [line.partition(":")[0] for line in lines] == ["this machine", "SLURM", "OpenCue", "Deadline", "Dask"]
    assert all("--threads 3" in line for line in lines)
    script = shlex.split(lines[-1].partition(":")[2])[2]
    compile(script, "dask line", "exec")
    assert "range(10)" in script
    assert "shell" not in script
    array = shlex.split(lines[1].partition(":")[2])[-1]
    assert array.startswith("--wrap=uniser halo frames --scene")
    assert array.endswith("--shard $SLURM_ARRAY_TASK_ID/10")


@pytest.mark.slow
def test_the_dask_line_makes_every_part(tmp_path):
    distributed = pytest.importorskip("distributed")
    import subprocess
    import sys

    settings = RenderSettings(16, 16, samples=2, threads=1)
    line = farm_lines(Cost(2, 1, 2, 1.0, 1.0), settings, 0, str(tmp_path / "out"))[-1].partition(":")[2].strip()
    # The command as this installation has it.
    line = line.replace("uniser halo", f"{sys.executable} -m uniser_core.cli halo").replace("python -c", "$PY -c")
    with distributed.LocalCluster(n_workers=1, threads_per_worker=1, dashboard_address=None) as cluster:
        line = line.replace("tcp://SCHEDULER:8786", cluster.scheduler_address)
        env = {**os.environ, "PY": sys.executable}
        done = subprocess.run(line, shell=True, capture_output=True, text=True, check=False, env=env)
    assert done.stdout.strip().endswith("[0, 0]"), done.stderr
    rows = [r for p in sorted((tmp_path / "out").glob("*.parquet")) for r in pq.read_table(p).to_pylist()]
    assert len(rows) == 2
    assert (tmp_path / "out" / "manifest.json").is_file()


def test_a_plan_reckons_a_frame_from_two_drafts(scene):
    """A quick scene costs its start-up and little more: the frame must not cost that once a pixel."""
    size = ("--resolution", "640x360", "--samples", 8, "--threads", 1)
    found = json.loads(uniser("halo", "plan", "--scene", scene, "--pairs", 600, *size, "--json").stdout)
    assert (found["frames"], found["cameras a scene"]) == (20, 20)
    assert 0.1 < found["seconds a frame, this machine"] < 300
    assert found["hours, 1 workers"] == pytest.approx(found["seconds a frame, this machine"] * 20 / 3600, abs=0.01)
    assert f"--scene '{scene}'" in found["commands"][0]
