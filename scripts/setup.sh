#!/usr/bin/env bash
# Make the virtual environment with exactly the pinned packages, and bpy's system libraries.
# usage: PYTHON=python3.11 setup.sh .venv
set -euo pipefail
venv=$1
here=$(dirname "$0")
python=${PYTHON:-python3.11}
command -v "$python" >/dev/null || { echo "$python is not there: install Python 3.11, or make PYTHON=/path/to/python3.11"; exit 1; }
"$python" -c 'import sys; sys.exit(sys.version_info[:2] != (3, 11))' ||
  { echo "$("$python" --version) is not 3.11 (bpy 5.0 has wheels for 3.11 alone): make PYTHON=/path/to/python3.11"; exit 1; }
if [ ! -x "$venv/bin/python" ]; then
  "$python" -m venv "$venv" || { echo "run:  sudo apt-get install -y python3.11-venv"; exit 1; }
fi
# torch: the CPU build where pip can find it; on a machine with a GPU pip takes the CUDA build of the same version.
"$venv/bin/python" -m pip install --quiet --disable-pip-version-check --upgrade "pip>=25"
"$venv/bin/python" -m pip install --quiet --disable-pip-version-check -c constraints.txt hatchling editables
"$venv/bin/python" -m pip install --quiet --disable-pip-version-check -c constraints.txt --no-build-isolation -e ".[all,dev]"
bash "$here/apt.sh" "Blender (bpy)" libx11-6 libxrender1 libxfixes3 libxi6 libxkbcommon0 libsm6 libice6 libgl1
# The inner loops are compiled here and kept, in place of a wait at the first pair of each effect.
echo "compiling the effects' inner loops, once (a minute or two)"
"$venv/bin/uniser" warm-up >/dev/null || echo "not all were compiled: they will be at first use"
