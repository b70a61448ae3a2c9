#!/usr/bin/env bash
# Install Debian packages when they are missing: as root, or by sudo where it asks nothing; else print the line.
# usage: apt.sh "what they are for" package...
set -euo pipefail
purpose=$1
shift
command -v dpkg-query >/dev/null || { echo "not Debian or Ubuntu: install what matches '$*' for $purpose"; exit 0; }
missing=()
for package in "$@"; do
  dpkg-query -W -f='${Status}' "$package" 2>/dev/null | grep -q "ok installed" || missing+=("$package")
done
[ ${#missing[@]} -eq 0 ] && exit 0
if [ "$(id -u)" -eq 0 ]; then
  sudo=""
elif sudo -n true 2>/dev/null; then
  sudo="sudo"
else
  echo "for $purpose run:  sudo apt-get install -y ${missing[*]}"
  exit 0
fi
echo "installing ${missing[*]} ($purpose)"
export DEBIAN_FRONTEND=noninteractive
$sudo apt-get update -qq || echo "apt-get update failed; trying with the lists that are there"
$sudo apt-get install -y -qq --no-install-recommends "${missing[@]}" >/dev/null ||
  echo "could not install them: for $purpose run  sudo apt-get install -y ${missing[*]}"
