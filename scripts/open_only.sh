#!/usr/bin/env bash
# Make the sources of recipes/open-only.yaml from the fetched assets, and build the corpus: about 2,500 pairs, of which 2,100 stay.
# usage: scripts/open_only.sh OUT [VARIANTS] [SIZE_PX] ; run again, it goes on where it stopped
set -euo pipefail
out=${1:?usage: scripts/open_only.sh OUT [VARIANTS] [SIZE_PX]}
variants=${2:-30}
size=${3:-512}
uniser=${UNISER:-uniser}
here=$(cd "$(dirname "$0")/.." && pwd)
photos=(--source photos --variants "$variants" --max-size "$size" --seed 11)
mkdir -p "$out/pairs"
"$uniser" halo frames --scene corridor,petrol_station,street,stage,harbour --cameras 1 --resolution 384x256 \
  --samples 48 --noise-threshold 0.1 --threads 1 --workers 2 --seed 11 --out "$out/frames"
"$uniser" haze render "${photos[@]}" --out "$out/pairs/haze"
"$uniser" haze render --source "frames:$out/frames" --variants 12 --seed 11 --out "$out/pairs/haze-frames"
"$uniser" halo render "${photos[@]}" --out "$out/pairs/flare"
"$uniser" halo render --frames "$out/frames" --variants 12 --seed 11 --out "$out/pairs/flare-frames"
"$uniser" shadow render "${photos[@]}" --occluders foliage,window,person --out "$out/pairs/shadow"
"$uniser" synth reflection "${photos[@]}" --out "$out/pairs/reflection"
cp "$here/recipes/open-only.yaml" "$out/recipe.yaml"
"$uniser" corpus build "$out/recipe.yaml" --out "$out/corpus"
"$uniser" corpus check "$out/corpus"
