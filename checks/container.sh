#!/usr/bin/env bash
# checks/container.sh builds the image and runs it for real, without a Docker engine: read-only,
# without capabilities, as a uid the image has never heard of, and as docker-compose.yml says.
#
# $BASE_IMAGE is the base to build on. Unless set it is a Debian that debootstrap makes, because not
# every machine reaches a registry. It is kept in $CONTAINER_DIR (build/container unless set) until
# that folder is removed; everything else there is cleared up, and nothing is put anywhere else.
# Needs: root, buildah, podman, runc, curl, debootstrap, and a Python with the service ($PYTHON, or
# .venv's).
set -euo pipefail

root=$(cd "$(dirname "$0")/.." && pwd)
work=$(realpath -m "${CONTAINER_DIR:-$root/build/container}")
python=${PYTHON:-$root/.venv/bin/python}
base=${BASE_IMAGE:-localhost/fanin-base:bookworm}
image=localhost/fanin
stranger=10001
compose_pin=podman-compose==1.6.0

main() {
    local tools=(buildah podman runc curl "$python")
    [ -n "${BASE_IMAGE:-}" ] || tools+=(debootstrap)
    for tool in "${tools[@]}"; do
        command -v "$tool" >/dev/null || stop "$tool is not installed"
    done
    [ "$(id -u)" -eq 0 ] || stop "only root can make a base and run containers without an engine"
    cd "$root"
    configure
    trap clean_up EXIT
    timed "base" make_base
    timed "build" build
    say "image: $(megabytes "$image") MB, of which the base $(megabytes "$base") MB"
    timed "a stranger" run_as_a_stranger
    timed "another processor" run_on_another_processor
    timed "compose" run_by_compose
}

stop() {
    printf 'checks/container.sh: %s\n' "$1" >&2
    exit 1
}

say() {
    printf -- '- %s\n' "$1"
}

timed() {
    local began=$SECONDS
    "$2"
    say "$1: done in $((SECONDS - began)) s"
}

# A storage of its own: the images and containers of this machine are left alone.
configure() {
    mkdir -p "$work"
    cat >"$work/storage.conf" <<EOF
[storage]
driver = "vfs"
graphroot = "$work/storage"
runroot = "$work/running"
EOF
    cat >"$work/containers.conf" <<EOF
[containers]
default_ulimits = ["nofile=4096:4096", "nproc=4096:4096"]
[engine]
runtime = "runc"
cgroup_manager = "cgroupfs"
events_logger = "none"
[network]
network_config_dir = "$work/networks"
EOF
    export CONTAINERS_STORAGE_CONF=$work/storage.conf CONTAINERS_CONF=$work/containers.conf
}

# Below fatal it complains of every container that there is no systemd to time its health checks.
pod() {
    podman --log-level fatal "$@"
}

clean_up() {
    {
        pod rm --all --force --time 0
        pod network prune --force
        pod rmi --force "$image"
        pod image prune --force
    } >/dev/null 2>&1 || true
}

make_base() {
    if [ -n "${BASE_IMAGE:-}" ] || pod image exists "$base"; then
        return
    fi
    local log=$work/debootstrap.log
    rm -rf "$work/debian"
    debootstrap --variant=minbase --include=python3,python3-venv,ca-certificates bookworm \
        "$work/debian" >"$log" 2>&1 || stop "debootstrap failed, as $log tells"
    tar -C "$work/debian" -c . | pod import --quiet - "$base" >/dev/null
    rm -rf "$work/debian"
}

# pip in the build finds packages as it does outside: the settings of this machine, and the files
# and folders that they name, are mounted while the image is built and are no part of it. An index
# in a folder links to files beside it, so the folder above is mounted.
build() {
    local path log=$work/build.log mounts=(--volume "$work/pip.conf:/etc/pip.conf:ro")
    pip_settings >"$work/pip.conf"
    while read -r path; do
        [ ! -e "$path" ] || mounts+=(--volume "$path:$path:ro")
    done < <(sed 's|file://\([^ ]*\)/[^/ ]*|\1|g' "$work/pip.conf" | grep -o ' /[^ ]*' |
        cut -c 2- | sort -u)
    buildah bud --isolation chroot --format docker --build-arg "BASE=$base" "${mounts[@]}" \
        --tag "$image" . >"$log" 2>&1 || { tail -n 20 "$log" >&2 && stop "no image, as $log tells"; }
}

# pip lists variables before files, the one that counts first.
pip_settings() {
    echo '[global]'
    "$python" -m pip config list | sed -n "s/^[^=]*\.\([a-z-]*\)='\(.*\)'$/\1 = \2/p" |
        awk -F ' = ' '!seen[$1]++'
}

megabytes() {
    echo $(($(pod image inspect --format '{{.Size}}' "$1") / 1000000))
}

run_as_a_stranger() {
    local began id origin
    began=$(milliseconds)
    id=$(detached)
    origin=http://$(pod port "$id" 8000)
    wait_until_ready "$id" "$origin"
    say "ready $(($(milliseconds) - began)) ms after podman run"
    pod exec "$id" python -c "$kernels_were_on_disk" || stop "that machine code was not on disk"
    ! pod exec "$id" python -v -c 'import service.server.serving' 2>&1 |
        grep '^# code object from /' || stop "that byte code was not on disk"
    pod healthcheck run "$id" || stop "the image calls itself unhealthy"
    "$python" -m checks.golden_runs "$origin"
    same_as_without_a_server "$origin"
    stop_by_signal "$id"
}

# Compiled in memory, since there is nowhere to keep it; ready means that the bits are right.
run_on_another_processor() {
    local id origin
    id=$(detached --env NUMBA_CPU_NAME=generic)
    origin=http://$(pod port "$id" 8000)
    wait_until_ready "$id" "$origin"
    "$python" -m checks.golden_runs "$origin"
    stop_by_signal "$id"
    # A container of its own: two processes that compile do not fit into the memory of one.
    ! confined --rm --env NUMBA_CPU_NAME=generic "$image" \
        python -c "$kernels_were_on_disk" 2>"$work/kernels.log" ||
        stop "another processor was given machine code of this one"
    grep -q AssertionError "$work/kernels.log" || stop "the kernels were not compiled anew"
}

kernels_were_on_disk='
from service.stream.kernels.boxes import scatter
from service.stream.kernels.run import run
from service.stream.selfcheck import warm_up
warm_up()
assert not any(kernel.stats.cache_misses for kernel in (run, scatter))'

detached() {
    confined --detach --publish 127.0.0.1::8000 "$@" "$image"
}

confined() {
    pod run --read-only --tmpfs /tmp --cap-drop all --memory 512m \
        --security-opt no-new-privileges --user "$stranger" "$@"
}

wait_until_ready() {
    local id=$1 origin=$2 deadline=$((SECONDS + 120))
    until curl --silent --fail --noproxy '*' --output /dev/null "$origin/readyz"; do
        [ "$(pod inspect --format '{{.State.Running}}' "$id")" = true ] &&
            [ "$SECONDS" -lt "$deadline" ] || { pod logs "$id" && stop "$id is not ready"; }
        sleep 0.05
    done
}

milliseconds() {
    date +%s%3N
}

same_as_without_a_server() {
    local query='shape=64,3,7,7&activation=relu&seed=42&name=conv1.weight' here there
    here=$("$python" -m service weights --shape 64,3,7,7 --activation relu --seed 42 \
        --name conv1.weight --output - | sha256sum)
    there=$(curl --silent --fail --noproxy '*' "$1/v1/weights.npy?$query" | sha256sum)
    [ "$here" = "$there" ] || stop "python -m service weights writes other bytes"
}

# 0, though the same process ends with SIGTERM elsewhere: the first process of a container is not
# killed by the signal that uvicorn sends itself when all is done.
stop_by_signal() {
    local began status
    began=$(milliseconds)
    pod stop --time 30 "$1" >/dev/null
    status=$(pod inspect --format '{{.State.ExitCode}}' "$1")
    [ "$status" = 0 ] || { pod logs "$1" && stop "exit status $status after SIGTERM"; }
    # It drains for 5 s of them (FANIN_DRAIN_SECONDS).
    [ "$(($(milliseconds) - began))" -lt 10000 ] || stop "SIGTERM took more than 10 s"
    ! pod logs "$1" 2>&1 | grep Traceback || stop "there is a traceback in the log"
}

run_by_compose() {
    local id log=$work/compose.log
    "$python" -m venv --clear "$work/compose"
    "$work/compose/bin/python" -m pip install "$compose_pin" >"$log" 2>&1 ||
        { cat "$log" && stop "no podman-compose"; }
    FANIN_PORT=$(free_port)
    export FANIN_PORT PATH=$work/compose/bin:$PATH
    # Where a limit is given, podman asks for a million processes as well, which not every root may.
    printf 'services:\n  fanin:\n    ulimits:\n      nproc: 4096\n' >"$work/processes.yml"
    compose up --no-build --detach >"$log" 2>&1 || { cat "$log" && stop "compose failed"; }
    id=$(pod ps --quiet --latest)
    wait_until_ready "$id" "http://127.0.0.1:$FANIN_PORT"
    "$python" -m checks.golden_runs "http://127.0.0.1:$FANIN_PORT"
    pod healthcheck run "$id" || stop "compose finds it unhealthy"
    pod exec "$id" python -c "$nothing_is_allowed" || stop "the container of compose may do more"
    stop_by_signal "$id"
    compose down >>"$log" 2>&1
}

compose() {
    podman-compose --file docker-compose.yml --file "$work/processes.yml" "$@"
}

nothing_is_allowed='
import os, resource
status = dict(line.split(":\t", 1) for line in open("/proc/self/status"))
assert int(status["CapBnd"], 16) == 0 and int(status["NoNewPrivs"]) == 1 and os.getuid() != 0
assert os.statvfs("/").f_flag & os.ST_RDONLY
small = os.statvfs("/tmp")
assert small.f_flag & os.ST_NOEXEC and small.f_blocks * small.f_frsize == 16 * 2**20
assert resource.getrlimit(resource.RLIMIT_NOFILE) == (16384, 16384)'

free_port() {
    "$python" -c 'import socket; print(socket.create_server(("127.0.0.1", 0)).getsockname()[1])'
}

main "$@"
