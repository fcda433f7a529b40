#!/usr/bin/env bash
# checks/aarch64.sh SCRIPT [ARGUMENT ...] runs a Python script on a 64-bit Arm processor emulated by
# qemu, with the pinned NumPy and Numba; its output is this program's output.
#
# The Arm Debian packages and wheels are unpacked once, into $AARCH64_DIR (build/aarch64 unless
# set); nothing is installed and no foreign architecture is added to the system.
# Needs: qemu-user-static, apt-get, dpkg and flock, and a Python with pip ($PYTHON, or .venv's).
set -euo pipefail

root=$(cd "$(dirname "$0")/.." && pwd)
work=$(realpath -m "${AARCH64_DIR:-$root/build/aarch64}")
python=${PYTHON:-$root/.venv/bin/python}

main() {
    [ $# -gt 0 ] || stop "name a Python script to run"
    for tool in qemu-aarch64-static apt-get apt-cache dpkg flock "$python"; do
        command -v "$tool" >/dev/null || stop "$tool is not installed"
    done
    # Two tests may want the packages at the same time. The second one waits, and then finds them.
    mkdir -p "$work"
    exec 9>"$work/lock"
    flock 9
    prepare >&2
    exec 9>&-
    run "$@"
}

stop() {
    printf 'checks/aarch64.sh: %s\n' "$1" >&2
    exit 1
}

prepare() {
    local pins ready=$work/ready
    pins=$(pin numpy && pin llvmlite && pin numba)
    [ ! -f "$ready" ] || [ "$(cat "$ready")" != "$pins" ] || return 0
    (. /etc/os-release && [ "$ID-${VERSION_ID:-}" = debian-12 ]) ||
        echo "checks/aarch64.sh: tried on Debian 12 only, and this is something else"
    rm -rf "$work"/{lists,cache,packages,root,wheels,ready}
    mkdir -p "$work"/{lists,cache/archives}/partial "$work"/{packages,root,wheels}
    unpack_debian
    unpack_wheels "$pins"
    printf '%s\n' "$pins" >"$ready"
}

# The first pin of a package, without its marker.
pin() {
    sed -n "s/^\($1==[^; ]*\).*/\1/p" "$root/requirements.txt" | head -n 1
}

arm() {
    local program=$1
    shift
    "$program" -qq -oAPT::Architecture=arm64 -oAPT::Architectures=arm64 -oAPT::Sandbox::User=root \
        -oDir::State::Lists="$work/lists" -oDir::Cache="$work/cache" \
        -oDir::State::Status=/dev/null "$@"
}

# Python, the C++ library that the wheels link to, and all they depend on but Perl, which only
# readline's documentation wants.
unpack_debian() {
    local packages
    arm apt-get update
    packages=$(arm apt-cache depends --recurse --no-recommends --no-suggests --no-conflicts \
        --no-breaks --no-replaces --no-enhances "$(debian_python)" libstdc++6 |
        grep '^[a-z]' | grep -v perl)
    # shellcheck disable=SC2086
    (cd "$work/packages" && arm apt-get download $packages)
    for package in "$work"/packages/*.deb; do
        dpkg -x "$package" "$work/root"
    done
}

# The Python of this Debian: python3.11 in Debian 12.
debian_python() {
    arm apt-cache depends python3 | sed -n 's/^ *Depends: \(python3\.[0-9]*\)$/\1/p' | head -n 1
}

unpack_wheels() {
    local version platform platforms=()
    version=$(basename "$(arm_python)")
    for platform in manylinux_2_{28,27,17}_aarch64 manylinux2014_aarch64; do
        platforms+=(--platform "$platform")
    done
    # shellcheck disable=SC2086
    "$python" -m pip install --quiet --disable-pip-version-check --no-deps --only-binary=:all: \
        --implementation cp --python-version "${version#python}" "${platforms[@]}" \
        --target "$work/wheels" $1
}

arm_python() {
    printf '%s\n' "$work"/root/usr/bin/python3.*[0-9]
}

# No compiled code is kept: Numba's cache does not see a change in a module that a kernel imports.
run() {
    local cache status=0
    cache=$(mktemp -d)
    PYTHONPATH=$root:$work/wheels PYTHONDONTWRITEBYTECODE=1 PYTHONNOUSERSITE=1 \
        NUMBA_CACHE_DIR=$cache qemu-aarch64-static -L "$work/root" "$(arm_python)" "$@" || status=$?
    rm -rf "$cache"
    return "$status"
}

main "$@"
