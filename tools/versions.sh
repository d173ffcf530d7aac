#!/bin/sh
# A short set of tests on each supported Python that is there, with the versions of constraints.txt and with the newest ones.
# What has tests of its own is left out: .venv has the first, .venv-latest the second, each on one Python.
set -eu
cd "$(dirname "$0")/.."

version_of() { "$1" -c 'import sys; print("%d.%d" % sys.version_info[:2])' 2>/dev/null || true; }

python_of() {
    for name in "python$1" "${PYENV_ROOT:-$HOME/.pyenv}/versions/$1".*/bin/python3; do
        if command -v "$name" >/dev/null 2>&1 && [ "$(version_of "$name")" = "$1" ]; then
            echo "$name"
            return
        fi
    done
}

tested="pinned-$(version_of .venv/bin/python) latest-$(version_of .venv-latest/bin/python)"
absent=
for version in 3.11 3.12 3.13; do
    python=$(python_of "$version")
    if [ -z "$python" ]; then
        absent="$absent $version"
        continue
    fi
    for kind in pinned latest; do
        case " $tested " in *" $kind-$version "*) continue ;; esac
        venv=".venv-$version-$kind"
        PYTHON3=$python sh tools/setup.sh "$venv" "$kind"
        "$venv/bin/python" -m pytest -q tests/parameters/test_reading.py tests/movies/test_formats.py tests/test_hdf5.py \
            tests/results/test_file.py
        "$venv/bin/python" tools/demo.py demo-output tiny
    done
done
[ -z "$absent" ] || echo "Not there, so nothing was tested with Python$absent."
