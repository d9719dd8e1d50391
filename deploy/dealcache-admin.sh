#!/bin/sh
# Runs a command of dealcache with the service's user and environment, for example `dealcache-admin check`.
set -eu
io=--pipe
if [ -t 0 ] && [ -t 1 ]; then
    io=--pty
fi
exec systemd-run --quiet --collect --wait "$io" --service-type=exec \
    --property=User=dealcache --property=Group=dealcache \
    --setenv=BIND=unix:/run/dealcache/http.sock --property=EnvironmentFile=/etc/dealcache/dealcache.env \
    /opt/dealcache/bin/dealcache "$@"
