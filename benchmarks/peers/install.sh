#!/bin/sh
# Installs Debian's wrk, nginx and varnish, whichever are missing.
set -eu

missing=
command -v wrk >/dev/null || missing="$missing wrk"
command -v nginx >/dev/null || missing="$missing nginx"
command -v varnishd >/dev/null || missing="$missing varnish"
[ -n "$missing" ] || exit 0

# shellcheck disable=SC2086 # one word for each package
exec sh tests/debian.sh $missing
