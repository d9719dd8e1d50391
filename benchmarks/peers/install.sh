#!/bin/sh
# Installs Debian's wrk, nginx and varnish, whichever are missing. Debian starts a service when it installs one, and with
# each boot; here they are only programs that a benchmark starts and stops.
set -eu

missing=
command -v wrk >/dev/null || missing="$missing wrk"
command -v nginx >/dev/null || missing="$missing nginx"
command -v varnishd >/dev/null || missing="$missing varnish"
[ -n "$missing" ] || exit 0

policy=/usr/sbin/policy-rc.d # asked by Debian before it starts a service; 101 is "no"
if [ ! -e "$policy" ]; then
    trap 'rm -f "$policy"' EXIT
    trap 'exit 1' HUP INT TERM
    printf '#!/bin/sh\nexit 101\n' >"$policy"
    chmod 755 "$policy"
fi

apt-get update -qq
# shellcheck disable=SC2086 # one word for each package
DEBIAN_FRONTEND=noninteractive apt-get install -y -qq --no-install-recommends $missing

if command -v systemctl >/dev/null; then
    for service in nginx varnish varnishncsa; do
        case "$missing " in
        *" ${service%ncsa} "*) systemctl --quiet disable "$service" ;;
        esac
    done
fi
