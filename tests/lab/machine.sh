#!/bin/sh
# One node of a lab as a machine of its own, with an sshd that speaks over stdin and stdout (sshd(8), -i).
#
# usage: machine.sh FOLDER HOSTNAME NAMESPACE...; the first namespace is the machine's own.
# Run in new mount, PID, IPC and UTS namespaces: it has its own host name, sees no process and no named namespace but
# its own, and everything goes when it ends. FOLDER holds sshd's configuration, and a folder for each namespace.
set -eu
folder=$1; hostname "$2"; shift 2
mount --make-rprivate /
mount -t tmpfs tmpfs "$folder/kept"
for name; do touch "$folder/kept/$name"; mount --bind "/run/netns/$name" "$folder/kept/$name"; done
umount --recursive --lazy /run/netns
mount -t tmpfs tmpfs /run
mkdir /run/netns /run/sshd
for name; do
	touch "/run/netns/$name"
	mount --bind "$folder/kept/$name" "/run/netns/$name"
	umount "$folder/kept/$name"
done
umount "$folder/kept"
mount -t proc proc /proc
exec nsenter --net="/run/netns/$1" /usr/sbin/sshd -i -f "$folder/sshd_config" -E "$folder/sshd.log"
