#!/usr/bin/env bash
# Runs a command on the newest Python, with the newest of every package: what `pip install` brings.
#
#     scripts/newest_python.sh python -m pytest tests/test_crops.py
#
# Needs root, for `chroot`, and Debian's mmdebstrap, which is installed where it is missing. Python
# and torch are those of a suite of Debian, unpacked into build/newest; all other packages are PyPI's.
# PyPI's torch may be newer than the one that is tried here: it is the CUDA build, 3 GB to fetch and
# 5 to unpack. A folder that is there is used again; `rm -r build/newest` has it made anew.
set -euo pipefail
cd "$(dirname "$0")/.."

suite=forky
mirror=http://deb.debian.org/debian
root=$PWD/build/newest
certificates=/etc/ssl/certs/ca-certificates.crt

# A command and all that it starts end when this is told to end. They are in a group of their own,
# since mmdebstrap waits for its children without telling them.
child=
stop() {
    trap "" HUP INT TERM
    if [ -n "$child" ]; then
        kill -TERM -- "-$child" || kill -TERM "$child" || true
        for _ in $(seq 100); do
            kill -0 -- "-$child" 2>/dev/null || exit "$1"
            sleep .1
        done
        kill -KILL -- "-$child" || true
        wait "$child" || true
    fi
    exit "$1"
}
trap "stop 129" HUP
trap "stop 130" INT
trap "stop 143" TERM
stoppable() {
    setsid "$@" <&0 &
    child=$!
    wait "$child"
    child=
}

# How, and then what is run. The tree stands at its own path, with the data that tests look for
# beside it. The mounts are those of this process and end with it.
inside() {
    "$1" unshare --mount bash -euc '
        root=$1 tree=$2
        shift 2
        mount --make-rprivate /
        for folder in /dev /proc /sys "$tree" "${tree%/*}/shared"; do
            [ -d "$folder" ] || continue
            mkdir -p "$root$folder"
            mount --rbind "$folder" "$root$folder"
        done
        exec chroot "$root" env --chdir="$tree" \
            -u PYTHONPATH -u PYTHONDONTWRITEBYTECODE -u VIRTUAL_ENV -u TMPDIR \
            -u PIP_FIND_LINKS -u PIP_CONSTRAINT \
            HOME=/root PATH=/venv/bin:/usr/sbin:/usr/bin LANG=C.UTF-8 "$@"
    ' inside "$root" "$PWD" "${@:2}"
}

if ! [ -e "$root/venv/pyvenv.cfg" ]; then
    command -v mmdebstrap >/dev/null || {
        apt-get update && apt-get install --yes --no-install-recommends mmdebstrap
    }
    rm -rf --one-file-system "$root"
    mkdir -p "$root"
    # Mirrors may be older than the suite allows. curl is what docs/web.md shows.
    # What it mounts ends with it, too, and is nowhere that somebody might remove by mistake.
    stoppable unshare --mount mmdebstrap --quiet --variant=apt \
        --include=ca-certificates,curl,python3-venv,python3-torch \
        --aptopt='APT::Install-Recommends "false"' --aptopt='Acquire::Check-Valid-Until "false"' \
        --dpkgopt='path-exclude=/usr/share/doc/*' --dpkgopt='path-exclude=/usr/share/man/*' \
        "$suite" "$root" "$mirror"
    inside stoppable python3 -m venv --system-site-packages /venv
fi
# The names and certificates of the network are those of this machine.
cp --dereference /etc/resolv.conf "$root/etc/resolv.conf"
[ ! -e "$certificates" ] || cp --dereference "$certificates" "$root$certificates"

# The stamp is newer than pyproject.toml once its dependencies are installed.
if ! [ "$root/ready" -nt pyproject.toml ]; then
    torch=$(inside command python3 -c 'import importlib.metadata as m; print(m.version("torch"))')
    echo "torch==$torch" >"$root/constraints.txt"
    inside stoppable python -m pip install --quiet --no-compile --no-cache-dir \
        --disable-pip-version-check --upgrade --upgrade-strategy eager --constraint /constraints.txt \
        --editable '.[batch,train,keras,video,web,lsl,audit]' \
        pytest pytest-xdist httpx hypothesis schemathesis pympi-ling praatio bidsschematools openpyxl
    touch "$root/ready"
fi
trap - HUP INT TERM
inside exec "$@"
