#!/bin/sh
# The whole way from two cameras to a trained network: calibrate, record pairs, verify them,
# export a dataset, train and evaluate. As it stands it runs on the virtual rig:
#
#   sh docs/paired-dataset.sh FOLDER [SECONDS] [STEPS] [WIDTH HEIGHT]
#
# With cameras of your own, set CAMERAS to their addresses (ngs cameras lists them) and leave
# the scenes out: you are asked for each, and record what you want networks to learn.
set -eu

folder=$1
seconds=${2:-60}
steps=${3:-200}
width=${4:-640}
height=${5:-480}
: "${NGS:=ngs}"
: "${CAMERAS:=--camera virtual:rsgr --gs virtual:gs --wiring master}"
# Settings stay the same from the calibration to the last recording; only the region may move.
settings="--pixel-format Mono12 --exposure-us 4000 --fps 30"

mkdir -p "$folder"
rig=$folder/rig.json

# Calibrated is all that will ever be recorded: here four times the recordings' area.
$NGS calibrate all $CAMERAS $settings --width $((2 * width)) --height $((2 * height)) --out "$rig"
$NGS calibrate show "$rig"

record() { # name, split, what to look at
    name=$1
    split=$2
    shift 2
    $NGS record "$folder/$name" $CAMERAS $settings --width "$width" --height "$height" \
        --rig "$rig" --seconds "$seconds" "$@"
    $NGS verify "$folder/$name" --report "$folder/$name.html"
    $NGS export "$folder/$name" "$folder/dataset" --format dataset --split "$split"
}

# Each recording goes into one split; what a network is tested on, it has never seen.
record bench train --offset-x $((720 - width)) --offset-y $((540 - height))
record slide val --scene slide
record other-bench test --offset-x 720 --offset-y 540

$NGS train "$folder/dataset" --model live --out "$folder/run" --steps "$steps" \
    --validate-every "$((steps / 2))"
$NGS evaluate "$folder/dataset" --model live --model "$folder/run/live.safetensors"
