#!/bin/bash
# PID 2 of a lab host: makes fresh namespaces look like a machine of their own, says "ready", then lives as long as
# the test run holds its standard input open. When this ends, tini (PID 1) ends, and the kernel kills the rest.
# usage: host_init.sh LAB_ID HOSTNAME DIRECTORY [ROOT]    (LAB_ID only marks the process for the sweep)
# ROOT is another Debian's file system (roots.py); the host writes into a layer over it that is gone with its power.
set -euo pipefail
host=$2 dir=$3 root=${4:-}

hostname "$host"
ip link set lo up

# A sysfs of this network namespace: libvirt reads bridges there. It hides the cgroups, so they are moved over it.
mkdir -p "$dir/mnt"
mount --rbind /sys/fs/cgroup "$dir/mnt"
mount -t sysfs sysfs /sys
mount --move "$dir/mnt" /sys/fs/cgroup

# A /dev without kvm: probing it hangs libvirt on machines whose KVM does not work.
mount -t tmpfs -o mode=755 dev "$dir/mnt"
for node in null zero full random urandom tty fuse loop-control; do
  [ ! -e "/dev/$node" ] || cp -a "/dev/$node" "$dir/mnt/"
done
mkdir -p "$dir/mnt/net" "$dir/mnt/pts" "$dir/mnt/shm"
cp -a /dev/net/tun "$dir/mnt/net/"
mount -t devpts -o newinstance,ptmxmode=0666,gid=5,mode=620 devpts "$dir/mnt/pts"
mount -t tmpfs shm "$dir/mnt/shm"
ln -s pts/ptmx "$dir/mnt/ptmx"
ln -s /proc/self/fd "$dir/mnt/fd"
ln -s fd/0 "$dir/mnt/stdin"; ln -s fd/1 "$dir/mnt/stdout"; ln -s fd/2 "$dir/mnt/stderr"
mount --move "$dir/mnt" /dev

if [ -n "$root" ]; then
  mount -t tmpfs layer /mnt
  mkdir /mnt/upper /mnt/work /mnt/root
  mount -t overlay -o "lowerdir=$root,upperdir=/mnt/upper,workdir=/mnt/work" root /mnt/root
  # What the lab hands in lies below /tmp, and must be there under the same path.
  for shared in /proc /sys /dev /tmp; do mount --rbind "$shared" "/mnt/root$shared"; done
  cat "$dir/hosts" >/mnt/root/etc/hosts
  cd /mnt/root
  pivot_root . mnt
  umount -l /mnt
  cd /
else
  mount --bind "$dir/hosts" /etc/hosts
fi
for state in etc lib log cache; do
  case $state in etc) target=/etc/libvirt ;; *) target=/var/$state/libvirt ;; esac
  mount --bind "$dir/$state" "$target"
done
mount --bind "$dir/run" /run
mkdir /run/lock  # where libvirt notes who has a serial console

echo ready
exec cat
