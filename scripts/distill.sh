#!/usr/bin/env bash
# From a data set to a distilled model: teachers, what they read together, and their student. On whatever
# mien train finds: a GPU, or the processor's cores. After Ctrl-C, a kill or a time limit the same line goes on.
#
#   scripts/distill.sh DATA OUT [OPTION OF MIEN TRAIN]...
#
#   scripts/distill.sh FER2013 runs/distilled                           # three large teachers: for a GPU
#   TEACHER=mien scripts/distill.sh FER2013 runs/distilled              # three of the student's size
#   SEEDS="0 1" scripts/distill.sh fer2013.csv runs/distilled --votes fer2013new.csv
#
# OUT/student.onnx is in 8 bits, its epoch and temperatures chosen on val, its scores inside.
set -euo pipefail
if [ $# -lt 2 ]; then
    sed -n 's/^# \{0,1\}//; 2,10p' "$0" >&2
    exit 2
fi
data=$1 out=$2
shift 2
votes=() # which export and evaluate take, too
for ((i = 1; i < $#; i++)); do
    if [ "${!i}" = --votes ]; then
        next=$((i + 1))
        votes=(--votes "${!next}")
    fi
done

# train FOLDER OPTION... begins a run, or goes on with it
train() {
    local folder=$1
    shift
    if [ -e "$folder/config.json" ]; then set -- "$@" --resume; fi
    mien train --data "$data" --out "$folder" "$@"
}

teachers="" models=""
for seed in ${SEEDS:-0 1 2}; do
    folder=$out/teacher-$seed
    train "$folder" --recipe "${TEACHER:-mien-teacher}" --seed "$seed" "$@"
    [ -e "$folder.onnx" ] || mien export "$folder" --out "$folder.onnx"
    teachers+=${teachers:+,}$folder models+=${models:+,}$folder.onnx
done
mien evaluate --model "$models" --data "$data" "${votes[@]}" --split val

train "$out/student" --recipe mien-distilled --teachers "$teachers" --stored-views 12 "$@"
[ -e "$out/student.onnx" ] ||
    mien export "$out/student" --store int8 --data "$data" "${votes[@]}" --out "$out/student.onnx"
mien evaluate --model "$out/student.onnx" --data "$data" "${votes[@]}" --split val
