#!/usr/bin/env bash
# From a data set to a distilled model: teachers, what they read together, and their student. On whatever
# mien train finds: a GPU, or the processor's cores. After Ctrl-C, a kill or a time limit the same line goes on.
#
#   scripts/distill.sh DATA OUT [OPTION OF MIEN TRAIN]...
#
#   TOGETHER=1 scripts/distill.sh FER2013 runs/distilled                # three large teachers: for a GPU
#   TEACHER=mien scripts/distill.sh FER2013 runs/distilled              # three of the student's size
#   SEEDS="0 1" scripts/distill.sh fer2013.csv runs/distilled --votes fer2013new.csv
#
# With TOGETHER teachers are trained at the same time, and what each says is in OUT/teacher-SEED.log: one alone
# leaves most of a GPU idle. OUT/student.onnx is in 8 bits, its epoch and temperatures chosen on val, its scores
# inside.
set -euo pipefail
if [ $# -lt 2 ]; then
    sed -n 's/^# \{0,1\}//; 2,13p' "$0" >&2
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
    ${run:-} mien train --data "$data" --out "$folder" "$@"
}

# teach SEED OPTION... trains the teacher of that seed
teach() {
    local seed=$1
    shift
    train "$out/teacher-$seed" --recipe "${TEACHER:-mien-teacher}" --seed "$seed" "$@"
}

teachers="" models="" running=()
trap 'kill "${running[@]}" 2>/dev/null || true' EXIT
mkdir -p "$out"
for seed in ${SEEDS:-0 1 2}; do
    if [ -n "${TOGETHER:-}" ]; then
        run=exec teach "$seed" "$@" >"$out/teacher-$seed.log" 2>&1 & # so that $! is mien itself
        running+=($!)
    else
        teach "$seed" "$@"
    fi
done
for process in "${running[@]}"; do wait "$process"; done
running=() # their numbers may be of other processes by the time this script ends
for seed in ${SEEDS:-0 1 2}; do
    folder=$out/teacher-$seed
    [ -e "$folder.onnx" ] || mien export "$folder" --out "$folder.onnx"
    teachers+=${teachers:+,}$folder models+=${models:+,}$folder.onnx
done
mien evaluate --model "$models" --data "$data" "${votes[@]}" --split val

train "$out/student" --recipe mien-distilled --teachers "$teachers" "$@"
[ -e "$out/student.onnx" ] ||
    mien export "$out/student" --store int8 --data "$data" "${votes[@]}" --out "$out/student.onnx"
mien evaluate --model "$out/student.onnx" --data "$data" "${votes[@]}" --split val
