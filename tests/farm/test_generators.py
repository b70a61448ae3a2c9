"""The files of farm/ that start generators: what they call is what the command line understands."""

from __future__ import annotations

import json
import os
import re
import shlex
import subprocess
import sys
import tomllib
import types

import numpy as np
import pytest
import typer
import yaml
from PIL import Image
from typer import _click as click
from typer.core import TyperGroup

from tests.cli import ROOT, environment
from tests.uniser_core.jobs import shard_bytes
from uniser_core import cli
from uniser_core.cli_synth import parse_shard

FARM = ROOT / "farm"
PARTS = 64


def part_words(words, token):
    """The words with the scheduler's own name of a part made a number."""
    assert sum(token in w for w in words) == 1, words
    return [w.replace(token, str(PARTS - 1)) for w in words]


def parsed(words):
    """The options that the real command line reads from these words; it fails on what it does not know."""
    cli._add_commands()
    command, rest = typer.main.get_command(cli.app), list(words)
    context = click.Context(command)
    while isinstance(command, TyperGroup):
        name, command, rest = command.resolve_command(context, rest)
        assert command is not None, name
        context = click.Context(command, parent=context)
    return command.make_context("uniser", rest, parent=context.parent).params


def assert_last_part(words):
    options = parsed(words)
    assert parse_shard(options["shard"]) == (PARTS - 1, PARTS)
    assert options["source"]
    assert options["out"]
    return options


def test_words_that_no_command_knows_are_found():
    with pytest.raises(click.ClickException):
        parsed(["haze", "render", "--source", "a", "--out", "b", "--shards", "0/4"])


def test_the_array_script_shows_a_line_that_works():
    text = (FARM / "generate.sbatch").read_text()
    shown = re.search(r"^#   sbatch farm/generate.sbatch (.*)$", text, re.M)[1]
    added = shlex.split(re.search(r'^exec uniser "\$@" (.*)$', text, re.M)[1])
    added = [
        {"${SLURM_CPUS_PER_TASK:-1}": "8", "$SLURM_ARRAY_TASK_ID/$PARTS": f"{PARTS - 1}/{PARTS}"}.get(w, w)
        for w in added
    ]
    assert assert_last_part([*shlex.split(shown), *added])["workers"] == 8
    assert f"#SBATCH --array=0-{PARTS - 1}\n" in text
    assert f"PARTS=${{PARTS:-{PARTS}}}" in text


def array_task(tmp_path, out, task, most, parts):
    """One task of the array as SLURM would start it, `uniser` being this checkout's."""
    command = tmp_path / "bin" / "uniser"
    command.parent.mkdir(exist_ok=True)
    command.write_text(f'#!/bin/sh\nexec {shlex.quote(sys.executable)} -m uniser_core.cli "$@"\n')
    command.chmod(0o755)
    slurm = {"SLURM_ARRAY_TASK_ID": str(task), "SLURM_ARRAY_TASK_MAX": str(most), "SLURM_CPUS_PER_TASK": "1"}
    found = {**environment(), **slurm, "PARTS": str(parts), "PATH": f"{command.parent}:{os.environ['PATH']}"}
    words = ["haze", "render", "--source", tmp_path / "photos", "--variants", "1", "--out", out]
    return subprocess.run(["bash", FARM / "generate.sbatch", *words], env=found, capture_output=True, text=True)


def test_the_array_scripts_parts_make_the_whole_run(tmp_path):
    (tmp_path / "photos").mkdir()
    for number in range(3):
        picture = np.full((32, 48, 3), 60 * number + 40, np.uint8)
        picture[:16] += 30
        Image.fromarray(picture).save(tmp_path / "photos" / f"{number}.png")
    out = tmp_path / "out"
    assert array_task(tmp_path, tmp_path / "whole", 0, 0, 1).returncode == 0
    for task in range(2):
        assert not (out / "manifest.json").exists()
        done = array_task(tmp_path, out, task, 1, 2)
        assert done.returncode == 0, done.stderr
    assert shard_bytes(out) == shard_bytes(tmp_path / "whole")
    assert (out / "manifest.json").exists()
    refused = array_task(tmp_path, out, 2, 3, 2)
    assert refused.returncode == 2
    assert "PARTS=N" in refused.stderr


def test_the_indexed_job(tmp_path):
    job = yaml.safe_load((FARM / "kubernetes.yaml").read_text())
    spec = job["spec"]
    assert (job["apiVersion"], job["kind"], spec["completionMode"]) == ("batch/v1", "Job", "Indexed")
    assert spec["completions"] == PARTS
    pod = spec["template"]["spec"]
    assert pod["restartPolicy"] == "Never"  # podFailurePolicy asks for it
    (container,) = pod["containers"]
    assert all(isinstance(word, str) for word in container["args"])
    assert assert_last_part(part_words(container["args"], "$(PART)"))["source"] == "/photos"
    assert [e["name"] for e in container["env"]] == ["PART"]
    assert {m["name"] for m in container["volumeMounts"]} == {v["name"] for v in pod["volumes"]}
    assert spec["podFailurePolicy"]["rules"][0]["onExitCodes"]["containerName"] == container["name"]


def test_deadlines_line(tmp_path):
    """The script runs against a command of that name that writes down what it is given."""
    recorder = tmp_path / "deadlinecommand"
    recorder.write_text(f"#!{sys.executable}\nimport json, sys\nprint(json.dumps(sys.argv[1:]))\n")
    recorder.chmod(0o755)
    found = {**os.environ, "PATH": f"{tmp_path}:{os.environ['PATH']}"}
    done = subprocess.run(["bash", FARM / "deadline.sh"], env=found, capture_output=True, text=True, check=True)
    words = json.loads(done.stdout)
    assert words[0] == "-SubmitCommandLineJob"
    given = dict(zip(words[1::2], words[2::2], strict=True))
    assert (given["-executable"], given["-frames"], given["-chunksize"]) == ("uniser", f"0-{PARTS - 1}", "1")
    assert_last_part(part_words(shlex.split(given["-arguments"]), "<STARTFRAME>"))


def test_opencues_line(monkeypatch):
    """The script runs against modules of pyoutline's names that write down what they are given."""
    layers, launched = [], []
    outline, modules, shell = (types.ModuleType(n) for n in ("outline", "outline.modules", "outline.modules.shell"))
    outline.Outline = lambda name: types.SimpleNamespace(name=name, add_layer=layers.append)
    outline.cuerun = types.SimpleNamespace(launch=lambda job, **_: launched.append(job.name))
    shell.Shell = lambda name, **options: options
    for module in (outline, modules, shell):
        monkeypatch.setitem(sys.modules, module.__name__, module)
    exec(compile((FARM / "opencue.py").read_text(), "opencue.py", "exec"), {})
    assert launched == ["uniser-haze"]
    (layer,) = layers
    assert (layer["range"], layer["chunk"]) == (f"0-{PARTS - 1}", 1)
    program, *words = layer["command"]
    assert program == "uniser"
    assert_last_part(part_words(words, "#IFRAME#"))


def test_the_image_holds_the_packages_and_their_libraries():
    text = (FARM / "Dockerfile").read_text().replace("\\\n", " ")
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())
    copied = [w for line in re.findall(r"^COPY (.*) \S+$", text, re.M) for w in line.split()]
    assert all((ROOT / name).exists() for name in copied)
    assert set(project["tool"]["hatch"]["build"]["targets"]["wheel"]["packages"]) <= set(copied)
    assert {project["project"]["readme"], *project["project"]["license-files"]} <= set(copied)
    extras = [e for line in re.findall(r"EXTRAS=(\S+)", text) for e in line.split(",")]
    assert extras
    assert set(extras) <= set(project["project"]["optional-dependencies"])
    libraries = re.search(r'"Blender \(bpy\)" (.*)$', (ROOT / "scripts" / "setup.sh").read_text(), re.M)[1].split()
    assert set(libraries) <= set(text.split())
    assert f"FROM python:{project['project']['requires-python'][2:6]}-" in text
    assert json.loads(re.search(r"^ENTRYPOINT (.*)$", text, re.M)[1]) == list(project["project"]["scripts"])
    assert parsed(shlex.split(re.search(r"^RUN uniser (.*)$", text, re.M)[1])) == {"as_json": False}
