#!/usr/bin/env bash
# Everything that wants a GPU, the most telling first, within so many minutes:
#
#     benchmarks/gpu.sh MINUTES [RESULTS]
#
# The tests marked gpu, self-test of the FID, tables of speed, then the grids. Called again with the same RESULTS it goes on from what
# it wrote. Wants GANZOO_DATA with Fashion-MNIST and CIFAR-10, and the FID network (GANZOO_INCEPTION or the extra).
set -u
minutes=${1:?usage: benchmarks/gpu.sh MINUTES [RESULTS]}
results=${2:-benchmarks/results}
end=$((SECONDS + minutes * 60))
cd "$(dirname "$0")/.." || exit 1
mkdir -p "$results"

# A step is done once; what the time cuts off is begun again next time.
step() {
    local name=$1 left=$((end - SECONDS))
    shift
    [ "$left" -gt 20 ] || { echo "no time left for: $name"; return; }
    echo "== $name ($left s left)"
    timeout --signal=INT --kill-after=15 "$left" "$@"
}
once() {
    local mark="$results/$1.done"
    [ -e "$mark" ] && return
    step "$@" && touch "$mark"
}
bench() {
    local name=$1
    shift
    step "$name" ganzoo bench --grid "configs/bench/$name.yaml" --results "$results" --work "$results/work" "$@"
}

once gpu-tests python -m pytest -q -m gpu
once self-test python benchmarks/self_test.py
once training-speed python benchmarks/speed/training.py --device cuda dcgan+non-saturating dcgan+wgan-gp \
    stylegan-lite+non-saturating+r1
once evaluation-speed python benchmarks/speed/evaluation.py --device cuda
once side-by-side-speed python benchmarks/speed/side_by_side.py --device cuda
once all-reduce-speed torchrun --standalone --nproc-per-node gpu benchmarks/speed/ranks.py cuda
for recipe in dcgan+wgan-gp dcgan+non-saturating stylegan-lite+non-saturating+r1; do
    bench fashion-gpu-2min --recipe "$recipe"
done
for recipe in dcgan+wgan-gp dcgan+non-saturating stylegan-lite+non-saturating+r1+ada; do
    bench cifar10-gpu-5min --recipe "$recipe"
done
bench fashion-gpu-2min
bench cifar10-gpu-5min
