#!/bin/bash
# Into the root file system of a guest: the project, and what the quickstart's first two steps and a build of Debian
# install, at this machine's speed. Runs in mount and process namespaces of its own, so that nothing of it stays mounted.
# usage: put_vrabec.sh FOLDER    (root.ext4 and project.tar in it; kernel and initrd are put there)
set -euo pipefail
folder=$1
root=$folder/root
mkdir -p "$root"
mount --make-rprivate /
mount -o loop "$folder/root.ext4" "$root"
mount -t proc proc "$root/proc"
mount --bind /dev "$root/dev"
mount -t tmpfs run "$root/run"

mkdir -p "$root/run/systemd/resolve" "$root/srv/vrabec"
cp -L /etc/resolv.conf "$root/run/systemd/resolve/stub-resolv.conf"
cp -L /etc/ssl/certs/ca-certificates.crt "$root/run/authorities.pem"
tar -x --no-same-owner -C "$root/srv/vrabec" -f "$folder/project.tar"

# Nothing is started here: this is not the machine that it is for.
printf '#!/bin/sh\nexit 101\n' >"$root/usr/sbin/policy-rc.d"
chmod +x "$root/usr/sbin/policy-rc.d"
chroot "$root" env -C /srv/vrabec PIP_CERT=/run/authorities.pem bash -euo pipefail -c '
  source <(sed "/^main /,\$d" scripts/quickstart)
  source=$PWD
  install -d -m 755 $prefix
  install -d -m 750 /var/log/vrabec
  install_packages
  apt-get install -y --no-install-recommends mmdebstrap uidmap
  install_python
  apt-get clean'
rm "$root/usr/sbin/policy-rc.d"
cp "$root/vmlinuz" "$folder/kernel"
cp "$root/initrd.img" "$folder/initrd"
umount -R "$root"
