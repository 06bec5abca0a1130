#!/bin/bash
# The first process of a bare Debian: makes fresh namespaces and a root directory look like a machine of its own.
# usage: debian_init.sh LAB_ID HOSTNAME ROOT INIT    (INIT: "hold", which waits on standard input, or systemd)
set -euo pipefail
host=$2 root=$3 init=$4

hostname "$host"
mount --make-rprivate /
mount --bind "$root" "$root"
cd "$root"
mount -t proc proc proc
mount --bind proc/sys proc/sys
mount --bind proc/sys/net proc/sys/net
mount -o remount,bind,ro proc/sys  # the kernel is not its own, but the network is
mount -t sysfs sysfs sys
mount -t tmpfs -o mode=755 run run
mkdir run/lock
mount -t cgroup2 cgroup2 sys/fs/cgroup

# A /dev without kvm: guests run under emulation, as they do on a machine without it.
mount -t tmpfs -o mode=755 dev dev
for node in null zero full random urandom tty fuse loop-control; do
  [ ! -e "/dev/$node" ] || cp -a "/dev/$node" dev/
done
mkdir dev/net dev/pts dev/shm
cp -a /dev/net/tun dev/net/
mount -t devpts -o newinstance,ptmxmode=0666,gid=5,mode=620 devpts dev/pts
mount -t tmpfs shm dev/shm
ln -s pts/ptmx dev/ptmx
# Namespaces inside, such as Debian is built in, get a /proc of their own only where a whole and writable one is seen.
mkdir dev/proc
mount -t proc proc dev/proc
ln -s /proc/self/fd dev/fd
ln -s fd/0 dev/stdin; ln -s fd/1 dev/stdout; ln -s fd/2 dev/stderr

mkdir old
pivot_root . old
umount -l /old
rmdir /old
cd /
echo ready
export PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin container=lxc
if [ "$init" = hold ]; then exec cat; fi
exec "$init" </dev/null >/dev/null 2>&1
