#!/bin/sh
# The first process of a machine of its own: a systemd that sees this machine's programs, in whose directories whatever it
# writes is gone at its end. Arguments: a directory of the source tree, one of Python packages, and one to write to; they
# are /run/source, /run/packages and /run/shared there.
set -eu

mount -t tmpfs tmpfs /run
mkdir /run/upper /run/source /run/packages /run/shared
mount --bind "$1" /run/source
mount --bind "$2" /run/packages
mount --bind "$3" /run/shared
chmod 755 /run /run/source /run/packages
for directory in etc opt var usr; do
    mkdir -p "/run/upper/$directory/new" "/run/upper/$directory/work"
    mount -t overlay overlay \
        -o "lowerdir=/$directory,upperdir=/run/upper/$directory/new,workdir=/run/upper/$directory/work" "/$directory"
done
mount -t tmpfs tmpfs /tmp
mount -t cgroup2 cgroup2 /sys/fs/cgroup

# Nothing starts but what a test starts: neither what this machine has enabled nor what sets up a kernel.
rm -rf /etc/systemd/system /etc/dealcache /opt/dealcache
mkdir /etc/systemd/system /run/units
for unit in basic sysinit sockets timers paths slices network network-online multi-user shutdown umount final; do
    cp "/lib/systemd/system/$unit.target" /run/units/
done
cp /lib/systemd/system/dbus.socket /lib/systemd/system/dbus.service /run/units/
mount -t tmpfs tmpfs /lib/systemd/system
cp /run/units/* /lib/systemd/system/

export container=test
exec /lib/systemd/systemd --system --unit=basic.target --log-target=console --show-status=no
