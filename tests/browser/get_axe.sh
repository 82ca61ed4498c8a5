#!/bin/sh
# Puts axe-core, which looks for faults of accessibility, into the folder that is named: from npm,
# or, where there is no npm, out of a Python package that has a little older one inside.
set -eu
mkdir -p "$1"
cd "$1"
if command -v npm >/dev/null; then
  npm pack --silent axe-core@4.14.1
  tar -xzf axe-core-4.14.1.tgz --strip-components=1 package/axe.min.js package/LICENSE
else
  python3 -m pip download --quiet --no-deps --dest . axe-playwright-python==0.1.8
  python3 -m zipfile -e axe_playwright_python-0.1.8-py3-none-any.whl .
  mv axe_playwright_python/axe.min.js .
fi
