#!/bin/sh
# Runs the command of the current release. The path is resolved first: a process that runs must not load parts of
# another release when `current` comes to mean that one.
set -eu
here=$(dirname "$(readlink -f "$0")")
release=$(readlink -f "$here/../current")
exec "$release/bin/python" -P "$release/bin/dealcache" "$@"
