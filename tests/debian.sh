#!/bin/sh
# Installs packages of Debian. Debian starts a service when it installs one, and with each boot; here they are only programs
# that tests and benchmarks start and stop.
set -eu

policy=/usr/sbin/policy-rc.d # asked by Debian before it starts a service; 101 is "no"
if [ ! -e "$policy" ]; then
    trap 'rm -f "$policy"' EXIT
    trap 'exit 1' HUP INT TERM
    printf '#!/bin/sh\nexit 101\n' >"$policy"
    chmod 755 "$policy"
fi

apt-get update -qq
DEBIAN_FRONTEND=noninteractive apt-get install -y -qq --no-install-recommends "$@"

if command -v systemctl >/dev/null; then
    for package in "$@"; do
        case $package in
        nginx | prometheus | redis-server | varnish) systemctl --quiet disable "$package" ;;
        esac
        [ "$package" != varnish ] || systemctl --quiet disable varnishncsa
    done
fi
