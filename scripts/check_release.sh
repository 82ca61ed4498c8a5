#!/usr/bin/env bash
# Builds what a release ships, looks into it, and runs the demo from it in an empty environment.
#
#     scripts/check_release.sh
#
# Wheel and sdist are left in dist/, the environment in build/release. PYTHON names the interpreter
# that the environment is made with.
set -euo pipefail
cd "$(dirname "$0")/.."

tools=$PWD/.venv/bin
portrait=$PWD/examples/astronaut.jpg
release=$PWD/build/release
work=$(mktemp -d)
trap 'rm -r "$work"' EXIT
unset PYTHONPATH

fail() {
    echo "check_release: $*" >&2
    exit 1
}

# An sdist, and a wheel from it, which must be the one that the tree gives, to the byte.
rm -rf dist "$release"
"$tools/python" -m build --outdir dist . >"$work/build.log" || fail "$(tail -20 "$work/build.log")"
"$tools/python" -m build --wheel --outdir "$work/direct" . >"$work/build.log" ||
    fail "$(tail -20 "$work/build.log")"
cmp dist/*.whl "$work"/direct/*.whl
"$tools/twine" check --strict dist/*
"$tools/check-wheel-contents" dist/*.whl

# Somebody who has just installed it.
"${PYTHON:-python3}" -m venv --without-pip "$release"
"$tools/python" -m pip --python "$release/bin/python" --disable-pip-version-check --quiet \
    install --no-compile dist/*.whl
"$tools/python" -m pip --python "$release/bin/python" --disable-pip-version-check check
mien=$release/bin/mien
cp "$portrait" "$work/portrait.jpg"
cd "$work"
"$mien" detect portrait.jpg --out annotated | tee table.txt
grep -q happy table.txt || fail "expected a happy face"
test -s annotated/portrait.jpg || fail "expected an annotated copy"
"$mien" --help >/dev/null
"$mien" models >/dev/null
"$mien" detect portrait.jpg --detector haar >/dev/null
"$mien" explain portrait.jpg >/dev/null
"$release/bin/python" -m mien.bench >/dev/null

# refused EXTRA COMMAND... must end with status 2 and say which extra is missing.
refused() {
    local extra=$1 status=0
    shift
    "$mien" "$@" >/dev/null 2>said.txt || status=$?
    [ "$status" = 2 ] && grep -qF "pip install 'mien[$extra]'" said.txt ||
        fail "expected \`mien $1\` to name the extra $extra; got $(cat said.txt)"
}
refused train train --data . --out run
refused web serve
refused batch batch portrait.jpg --out rows

cd - >/dev/null
du -sm "$release"/lib/python*/site-packages | awk '{ print "the base install has " $1 " MB" }'
sha256sum dist/*
