#!/bin/sh
# Evaluate the demo's policies on real videos, before and after GRPO, and train on part of them:
#   sh workflow/real.sh FOLDER [options of snakemake]
# The videos stay in FOLDER; data/konvid_mini/source has links to them.
set -eu

folder=${1:-}
if ! [ -d "$folder/videos" ] || ! [ -f "$folder/manifest.csv" ]; then
  echo "make real: VIDEOS is '$folder'; expected a folder with videos/ and manifest.csv, which has" \
    "the columns file (path below videos/) and mos (1 to 5). Run: make real VIDEOS=FOLDER" >&2
  exit 1
fi
shift
folder=$(cd "$folder" && pwd)
set_folder=data/konvid_mini
receipt=$set_folder/source.json

mkdir -p "$set_folder/source"
for name in videos manifest.csv; do
  link=$set_folder/source/$name
  if [ -e "$link" ] && ! [ -L "$link" ]; then
    echo "make real: $link is not a link; expected one to $folder/$name. Move it away." >&2
    exit 1
  fi
  [ "$(readlink "$link")" = "$folder/$name" ] || ln -sfn "$folder/$name" "$link"
done
# Without its receipt, the set is read again: other links, or files that changed behind them.
if [ -f "$receipt" ]; then
  changed=$(find "$set_folder/source" -newer "$receipt"; find -L "$set_folder/source" -newer "$receipt")
  [ -z "$changed" ] || rm "$receipt"
fi

rows=$(tail -n +2 "$folder/manifest.csv" | grep -c '[^[:space:]]' || true)
snakemake "$@" --config scale=demo -- models/base/demo models/demo/grpo/policy
snakemake "$@" --config scale=real "data={counts: {konvid_mini: $rows}}" -- "$receipt" all
vqathinker summary results/real
