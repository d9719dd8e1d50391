#!/bin/sh
# Installs dealcache as a service, and replaces its release without losing a request.
#
#   install.sh                  install the release of this source tree, or upgrade to it
#   install.sh --rollback       go back to the release before; once more: return
#   install.sh --restart        start the service anew, with a changed environment, without losing a request
#   install.sh --uninstall      remove everything but the configuration
#   install.sh --uninstall --purge      remove the configuration and the user too
#
# Environment:
#
#   DESTDIR     put the files there, and do nothing else
#   PYTHON      of the releases; /usr/bin/python3 unless given
#   RELEASE     the release's name; another one has the same sources installed again, with dependencies as they are now
set -eu
umask 022

DESTDIR=${DESTDIR:+$(realpath -m "$DESTDIR")}
DESTDIR=${DESTDIR%/}
PYTHON=${PYTHON:-/usr/bin/python3}
home=$DESTDIR/opt/dealcache
configuration=$DESTDIR/etc/dealcache
units=$DESTDIR/etc/systemd/system
nginx=$DESTDIR/etc/nginx
admin=$DESTDIR/usr/local/sbin/dealcache-admin
standby=dealcache-standby.service
source=$(dirname "$(dirname "$(readlink -f "$0")")")

fail() {
    printf 'install.sh: %s\n' "$*" >&2
    exit 1
}

say() {
    printf '%s\n' "$*"
}

# Is there a systemd whose units these are?
has_systemd() {
    [ -z "$DESTDIR" ] && [ -d /run/systemd/system ]
}

# The sources that a release is made of, and nothing that building or running has left among them.
sources() {
    (cd "$source" && find setup.cfg pyproject.toml README.md LICENSE dealcache deploy -type f \
        ! -path '*/__pycache__/*' | LC_ALL=C sort)
}

release_name() {
    version=$(sed -n 's/^__version__ = "\(.*\)"$/\1/p' "$source/dealcache/__init__.py")
    digest=$(cd "$source" && sources | tr '\n' '\0' | xargs -0 sha256sum | sha256sum | cut -c1-8)
    printf '%s-%s\n' "$version" "$digest"
}

# Puts the release of the source tree beside those that are installed.
build_release() {
    release=$home/releases/$1
    [ ! -e "$release/complete" ] || return 0
    say "building release $1"
    rm -rf "$release"
    mkdir -p "$release"
    # setuptools leaves files where it builds, and would take them into the next release.
    build=$(mktemp -d)
    trap 'rm -rf "$build"' EXIT
    trap 'exit 1' HUP INT TERM
    sources | tar -C "$source" -cf - -T - | tar -C "$build" -xf -
    "$PYTHON" -m venv "$release"
    "$release/bin/python" -m pip install --quiet --disable-pip-version-check \
        ${DESTDIR:+--no-compile} "${build}[redis]"
    cp -R "$build/deploy" "$release/deploy"
    if [ -n "$DESTDIR" ]; then
        quoted=$(printf '%s' "$DESTDIR" | sed 's/[][\.*^$|]/\\&/g')
        grep -lIF "$DESTDIR" "$release"/bin/* "$release/pyvenv.cfg" | xargs -r -d '\n' sed -i "s|$quoted||g"
        "$release/bin/python" -m compileall -q -f -s "$DESTDIR" "$release/lib"
    fi
    touch "$release/complete"
}

create_user() {
    getent passwd dealcache >/dev/null ||
        useradd --system --user-group --no-create-home --home-dir /nonexistent --shell /usr/sbin/nologin dealcache
    setpriv --reuid dealcache --regid dealcache --clear-groups "$home/releases/$1/bin/python" -c 'import dealcache' ||
        fail "the user dealcache cannot run the release; set PYTHON to a Python that all users can"
}

# Lays down what operators edit, unless it is there.
lay_down_configuration() {
    from=$home/releases/$1/deploy
    mkdir -p "$configuration" "$nginx/sites-available"
    if [ ! -e "$configuration/dealcache.env" ]; then
        install -m 0640 "$from/dealcache.env" "$configuration/dealcache.env"
    fi
    if [ -z "$DESTDIR" ]; then
        chown root:dealcache "$configuration/dealcache.env"
    fi
    if [ ! -e "$nginx/sites-available/dealcache" ]; then
        install -m 0644 "$from/nginx.conf" "$nginx/sites-available/dealcache"
    fi
}

# Makes a release the current one: its units, its launchers, and the link, which changes at one moment.
make_current() {
    from=$home/releases/$1/deploy
    mkdir -p "$units" "$home/bin" "$(dirname "$admin")"
    install -m 0644 "$from/dealcache.service" "$from/dealcache.socket" "$units"
    install -m 0755 "$from/dealcache-admin.sh" "$admin"
    install -m 0755 "$from/dealcache.sh" "$home/bin/dealcache.new"
    mv -f "$home/bin/dealcache.new" "$home/bin/dealcache"
    link "releases/$1" "$home/current"
    if has_systemd; then
        systemctl daemon-reload
    fi
}

link() {
    ln -sfn "$1" "$2.new"
    mv -fT "$2.new" "$2"
}

# Starts the current release beside the one that runs, on the same listening socket; once it is ready, restarts the
# service, and stops the one beside it. At each moment one of them answers, and each answers all that it has accepted.
hand_over() {
    systemctl cat dealcache.service >"/run/systemd/system/$standby"
    systemctl daemon-reload
    if ! systemctl restart "$standby"; then
        systemctl --quiet stop "$standby" || :
        remove_standby
        return 1
    fi
    systemctl restart dealcache.service ||
        fail "the service does not start; $standby answers in its place: see journalctl -u dealcache"
    systemctl --quiet stop "$standby"
    remove_standby
}

remove_standby() {
    rm -f "/run/systemd/system/$standby"
    systemctl daemon-reload
    systemctl reset-failed "$standby" 2>/dev/null || :
}

# Succeeds unless the service is meant to be stopped.
is_in_use() {
    has_systemd && [ "$(systemctl is-active dealcache.service)" != inactive ]
}

# Replaces the current release, and goes on with it if the other one does not start. What was interrupted, by a closed
# terminal for instance, is done again.
activate() {
    before=$(name_of current)
    earlier=$(name_of previous)
    if [ "$before" = "$1" ] && [ -e "$home/unfinished" ]; then
        before=$earlier
    fi
    if [ "$before" = "$1" ]; then
        make_current "$1"
    else
        touch "$home/unfinished"
        [ -z "$before" ] || link "releases/$before" "$home/previous"
        make_current "$1"
        if is_in_use && ! hand_over; then
            make_current "$before"
            [ -z "$earlier" ] || link "releases/$earlier" "$home/previous"
            rm "$home/unfinished"
            prune
            fail "release $1 does not start, so $before goes on: see journalctl -u $standby"
        fi
        rm "$home/unfinished"
    fi
    say "release $1 is the current one"
}

# The name of the release that a link leads to; nothing if there is no such link.
name_of() {
    target=$(readlink "$home/$1" || :)
    printf '%s\n' "${target#releases/}"
}

# Removes all releases but the current one and the one before.
prune() {
    for release in "$home"/releases/*; do
        case $(basename "$release") in
        "$(name_of current)" | "$(name_of previous)") ;;
        *) rm -rf "$release" ;;
        esac
    done
}

install_release() {
    [ -e "$source/setup.cfg" ] || fail "$source is no source tree of dealcache"
    if [ ! -e "$home/current" ] && is_in_use; then
        fail "another dealcache.service runs, which this did not install: systemctl disable --now dealcache.service"
    fi
    name=${RELEASE:-$(release_name)}
    case $name in
    .* | *[!A-Za-z0-9._+-]*) fail "RELEASE may hold letters, digits and . _ + -, and begins with no dot" ;;
    esac
    build_release "$name"
    if [ -z "$DESTDIR" ]; then
        create_user "$name"
    fi
    lay_down_configuration "$name"
    activate "$name"
    prune
    [ -n "$DESTDIR" ] || next_steps
}

next_steps() {
    if is_in_use; then
        return
    fi
    say "next: set HUBSPOT_ACCESS_TOKEN and MONGODB_URI in $configuration/dealcache.env"
    if has_systemd; then
        say "then: dealcache-admin check && systemctl enable --now dealcache.service"
    else
        say "then: there is no systemd here, so have another supervisor run, as dealcache and with that environment:"
        say "      BIND=unix:/run/dealcache/http.sock /opt/dealcache/bin/dealcache serve"
    fi
}

uninstall() {
    case ${1:-} in
    '' | --purge) ;;
    *) fail "unknown option $1" ;;
    esac
    if has_systemd; then
        systemctl disable --quiet --now dealcache.service dealcache.socket 2>/dev/null || :
    fi
    rm -f "$units/dealcache.service" "$units/dealcache.socket" "$nginx/sites-enabled/dealcache" "$admin"
    rm -rf "${home:?}/releases" "${home:?}/bin" "$home/current" "$home/previous" "$home/unfinished" \
        "$home/.lock"
    rmdir --ignore-fail-on-non-empty "$home"
    if has_systemd; then
        systemctl daemon-reload
    fi
    if [ "${1:-}" = --purge ]; then
        rm -rf "$configuration" "$nginx/sites-available/dealcache"
        [ -n "$DESTDIR" ] || ! getent passwd dealcache >/dev/null || userdel dealcache
    else
        say "kept: $configuration, $nginx/sites-available/dealcache and the user dealcache"
    fi
}

[ -n "$DESTDIR" ] || [ "$(id -u)" = 0 ] || fail "only root can install; with DESTDIR anybody can"
mkdir -p "$home/releases"
exec 9>"$home/.lock"
flock --wait 60 9 || fail "another installation is under way"

case ${1:-} in
'')
    install_release
    ;;
--rollback)
    [ -e "$home/previous/complete" ] || fail "there is no release before the current one"
    activate "$(name_of previous)"
    ;;
--restart)
    has_systemd || fail "there is no systemd here"
    hand_over || fail "the service does not start so: see journalctl -u $standby"
    ;;
--uninstall)
    uninstall "${2:-}"
    ;;
*)
    fail "unknown option $1"
    ;;
esac
