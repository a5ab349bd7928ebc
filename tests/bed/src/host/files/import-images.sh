#!/bin/sh
# Gives containerd the bed's images, once per disk.
set -eu
done=/var/lib/containerd/bed-images
[ -e "$done" ] && exit 0
for archive in /opt/bed/images/*.tar; do
    ctr -n k8s.io images import --no-unpack "$archive"
done
touch "$done"
