#!/bin/sh
# What the benchmark compares with and measures by, as far as it can be had here: Debian's packages
# where this may install them, the frameworks in an environment of their own, the C programs.
# Whatever is missing afterwards is named in the results.
# usage: bench/install.sh PYTHON
set -u
cd "$(dirname "$0")/.." || exit
python=$1
peers=build/bench-venv

missing=''
for pair in cc:gcc cc:libc6-dev nginx:nginx wrk:wrk taskset:util-linux; do
    command -v "${pair%%:*}" >/dev/null || missing="$missing ${pair#*:}"
done
if [ -n "$missing" ] && [ "$(id -u)" -eq 0 ] && command -v apt-get >/dev/null; then
    apt-get -q update
    # shellcheck disable=SC2086 # a list of words
    DEBIAN_FRONTEND=noninteractive \
        apt-get -q install --yes --no-install-recommends $missing
fi

if [ ! -e "$peers/installed" ] || [ bench/peers.txt -nt "$peers/installed" ]; then
    "$python" -m venv --clear "$peers"
    # One by one: where one of them cannot be had, the others can.
    while read -r pin; do
        "$peers/bin/python" -m pip install --quiet --disable-pip-version-check \
            --only-binary :all: --constraint requirements.txt "$pin" \
            || echo "not to be had here: $pin (to try again: rm -r $peers)"
    done <bench/peers.txt
    touch "$peers/installed"
fi

mkdir -p build/bench
for program in sink source; do
    cc -O2 -Wall -Wextra -o "build/bench/$program" "bench/$program.c" \
        || echo "not compiled: bench/$program.c"
done
