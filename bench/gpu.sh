#!/usr/bin/env bash
# The comparison on a machine with an NVIDIA GPU and CUDA 13's driver, from the repository's root: sets up .venv/gpu once
# (Python 3.11 or newer, 10 GB), then prints, and writes to bench/results/, a step of VGG19's conv5_1 for one picture and for
# 32, and full renders of texture19, ours against torch, torch.compile and torch-lucent on the same GPU.
set -euo pipefail
cd "$(dirname "$0")/.."
PYTHON=${PYTHON:-python3}

if [ ! -e .venv/gpu/ready ]; then
    echo "== setting up .venv/gpu: once"
    rm -rf .venv/gpu
    "$PYTHON" -m venv .venv/gpu
    .venv/gpu/bin/python -m pip install --quiet --upgrade pip
    .venv/gpu/bin/python -m pip install --quiet --editable ".[export,server-gpu]" decorator ipython tqdm
    .venv/gpu/bin/python -m pip install --quiet --no-deps torch-lucent==0.1.8 kornia==0.4.1
    touch .venv/gpu/ready
fi

rivals="reverie,reverie exact,torch,torch channels_last,torch.compile"
echo "== one step of conv5_1"
.venv/gpu/bin/python -m bench.step_time --device cuda --layers conv5_1 --batches 1,32 --turns 50 \
    --contenders "$rivals" --out bench/results/step_time_cuda.json
echo "== full renders"
.venv/gpu/bin/python -m bench.renders --device cuda --out bench/results/renders-cuda
