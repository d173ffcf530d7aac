#!/bin/sh
# A short set of tests, with the versions of constraints.txt, on each Python of those supported that is there and has no tests
# of its own yet: those of .venv and .venv-latest have.
set -eu
cd "$(dirname "$0")/.."

version_of() { "$1" -c 'import sys; print("%d.%d" % sys.version_info[:2])' 2>/dev/null || true; }

tested=" $(version_of .venv/bin/python) $(version_of .venv-latest/bin/python) "
for version in 3.11 3.12 3.13; do
    case "$tested" in *" $version "*) continue ;; esac
    python=
    for name in "python$version" "${PYENV_ROOT:-$HOME/.pyenv}/versions/$version".*/bin/python3; do
        if command -v "$name" >/dev/null 2>&1 && [ "$(version_of "$name")" = "$version" ]; then
            python=$name
            break
        fi
    done
    if [ -z "$python" ]; then
        echo "Python $version isn't there, so nothing was tested with it."
        continue
    fi
    PYTHON3=$python sh tools/setup.sh ".venv-$version" pinned
    ".venv-$version/bin/python" -m pytest -q tests/parameters tests/movies/test_formats.py tests/movies/test_tiff.py \
        tests/test_hdf5.py tests/results/test_file.py
    ".venv-$version/bin/python" tools/demo.py demo-output
done
