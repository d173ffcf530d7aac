#!/bin/sh
# Make a virtual environment with cnmf3d and what its tests need; on Debian and Ubuntu install Python's venv if missing,
# and what tests of the viewer need where there is no screen.
#
# sh setup.sh FOLDER         the versions of constraints.txt, for all tests
# sh setup.sh FOLDER latest  the newest version of everything, as a plain pip install takes it, with the newest Python
#                            that there is; for tests that need no screen
# sh setup.sh FOLDER pinned  the versions of constraints.txt, for tests that need no screen
set -eu
venv=$1
latest=${2:-}

usable() { "$1" -c 'import sys, venv, ensurepip; sys.exit(sys.version_info < (3, 11))' 2>/dev/null; }

# Newest versions of packages often need a newer Python than the system's; pyenv keeps its own in a folder.
newest_python() {
    for minor in 14 13 12 11; do
        for name in "python3.$minor" "${PYENV_ROOT:-$HOME/.pyenv}/versions/3.$minor".*/bin/python3; do
            if command -v "$name" >/dev/null 2>&1 && usable "$name"; then
                echo "$name"
                return
            fi
        done
    done
}

find_python() {
    for name in "${PYTHON3:-}" python3 python3.14 python3.13 python3.12 python3.11; do
        if [ -n "$name" ] && command -v "$name" >/dev/null 2>&1 && usable "$name"; then
            echo "$name"
            return
        fi
    done
}

# Xvfb and what Qt and OpenGL load on it.
SCREEN="xvfb xauth libgl1 libegl1 libgl1-mesa-dri libglib2.0-0 libdbus-1-3 libfontconfig1 libxkbcommon-x11-0
libxcb-cursor0 libxcb-icccm4 libxcb-keysyms1 libxcb-shape0"

install_with_apt() {
    command -v apt-get >/dev/null 2>&1 || return 0
    root=
    [ "$(id -u)" = 0 ] || { command -v sudo >/dev/null 2>&1 && sudo -n true 2>/dev/null && root=sudo; } || return 0
    echo "Installing $* with apt-get ..."
    $root apt-get update -qq && $root env DEBIAN_FRONTEND=noninteractive apt-get install -y -qq "$@" >/dev/null || true
}

[ "$latest" = latest ] && [ -z "${PYTHON3:-}" ] && PYTHON3=$(newest_python)
python=$(find_python)
if [ -z "$python" ]; then
    install_with_apt python3 python3-venv
    python=$(find_python)
fi
if [ -z "$python" ]; then
    echo "cnmf3d needs Python 3.11 or newer with venv, which was not found." >&2
    echo "Install it (Debian, Ubuntu: sudo apt-get install python3 python3-venv), or name one: make PYTHON3=/path/to/python3" >&2
    exit 1
fi

if [ -z "$latest" ] && [ "$(uname)" = Linux ] && ! command -v xvfb-run >/dev/null 2>&1; then
    # shellcheck disable=SC2086
    install_with_apt $SCREEN
    command -v xvfb-run >/dev/null 2>&1 || echo "xvfb-run was not found: tests that need a screen will be skipped." >&2
fi

echo "Setting up $venv with $($python --version) ..."
[ -x "$venv/bin/python" ] && "$venv/bin/python" -m pip --version >/dev/null 2>&1 || "$python" -m venv --clear "$venv"
if [ "$latest" = pinned ]; then
    "$venv/bin/python" -m pip install --quiet --disable-pip-version-check -e '.[test]' -c constraints.txt
elif [ -n "$latest" ]; then
    "$venv/bin/python" -m pip install --quiet --disable-pip-version-check --upgrade --upgrade-strategy eager -e '.[test]'
else
    "$venv/bin/python" -m pip install --quiet --disable-pip-version-check -e '.[dev]' -c constraints.txt
fi
touch "$venv/.ready"
