#!/bin/sh
# Makes a fresh Debian root a template: mmdebstrap runs this at the end. usage: finish.sh FILES BOOT SOURCES ROOT
set -eu
files=$1 boot=$2 sources=$3 root=$4

cp -R "$files/." "$root/"
cp "$sources" "$root/etc/apt/sources.list"
rm -f "$root/etc/resolv.conf"
ln -s ../run/systemd/resolve/stub-resolv.conf "$root/etc/resolv.conf"

# What no two machines may share: cloud-init and systemd make them anew.
rm -f "$root"/etc/ssh/ssh_host_* "$root/var/lib/systemd/random-seed" "$root/var/lib/dbus/machine-id"
: >"$root/etc/machine-id"

# How the controller reached its mirrors is no business of the machines.
rm -f "$root/etc/apt/apt.conf.d/99mmdebstrap"

# The boot loader for both firmwares: one core each that finds the root by its UUID, modules beside grub.cfg.
modules="part_gpt ext2 search search_fs_uuid normal configfile linux echo test gzio serial terminal"
cp "$boot" "$root/boot/grub/early.cfg"
for kind in i386-pc x86_64-efi; do
  mkdir -p "$root/boot/grub/$kind"
  cp "$root/usr/lib/grub/$kind"/*.mod "$root/usr/lib/grub/$kind"/*.lst "$root/boot/grub/$kind/"
done
mkimage() { chroot "$root" grub-mkimage --prefix=/boot/grub --config=/boot/grub/early.cfg "$@"; }
# shellcheck disable=SC2086
mkimage --format=i386-pc --output=/boot/grub/i386-pc/core.img biosdisk $modules
# shellcheck disable=SC2086
mkimage --format=x86_64-efi --output=/boot/grub/x86_64-efi/core.efi fat all_video $modules
cp "$root/usr/lib/grub/i386-pc/boot.img" "$root/boot/grub/i386-pc/"
