#!/bin/sh
# Installs what tests and benchmarks need of Debian, whichever is missing: libcurl for the embedded mongod, Redis, wrong
# clocks, and what `deploy/` is tested with.
set -eu

missing=
ldconfig -p | grep -q 'libcurl\.so\.4' || missing="$missing libcurl4"
command -v redis-server >/dev/null || missing="$missing redis-server"
ls /usr/lib/*/faketime/libfaketimeMT.so.1 >/dev/null 2>&1 || missing="$missing libfaketime"
command -v dbus-daemon >/dev/null || missing="$missing dbus"
command -v nginx >/dev/null || missing="$missing nginx"
command -v openssl >/dev/null || missing="$missing openssl"
command -v shellcheck >/dev/null || missing="$missing shellcheck"
command -v systemd-analyze >/dev/null || missing="$missing systemd"
[ -x /usr/bin/python3 ] && /usr/bin/python3 -c 'import ensurepip' 2>/dev/null || missing="$missing python3-venv"
[ -n "$missing" ] || exit 0

# shellcheck disable=SC2086 # one word for each package
exec sh "$(dirname "$0")/debian.sh" $missing
