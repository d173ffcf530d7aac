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
wanted=
for version in 3.11 3.12 3.13; do
    if [ -z "$(python_of "$version")" ]; then
        echo "Python $version isn't there, so nothing is tested with it."
        continue
    fi
    for kind in pinned latest; do
        case " $tested " in *" $kind-$version "*) ;; *) wanted="$wanted $version-$kind" ;; esac
    done
done

setting_up=
for each in $wanted; do  # side by side: most of it is waiting for downloads
    PYTHON3=$(python_of "${each%-*}") sh tools/setup.sh ".venv-$each" "${each#*-}" &
    setting_up="$setting_up $!"
done
for process in $setting_up; do wait "$process"; done

for each in $wanted; do
    echo "== Python ${each%-*}, ${each#*-} versions"
    ".venv-$each/bin/python" -m pytest -q -n "${JOBS:-2}" --dist loadfile tests/parameters/test_reading.py \
        tests/movies/test_formats.py tests/test_hdf5.py tests/results/test_file.py
    ".venv-$each/bin/python" tools/demo.py demo-output tiny
done
