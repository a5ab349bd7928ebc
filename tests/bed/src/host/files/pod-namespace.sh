#!/bin/sh
# "hold": becomes the process whose mount namespace containerd and the kubelet share.
# "run PROGRAM…": becomes the program inside that namespace.
set -eu
groups=/run/bed/cgroup-v1
pid_file=/run/bed/pod-namespace.pid

hold() {
    if [ "${1-}" != inside ]; then
        exec unshare --mount --propagation slave "$0" hold inside
    fi
    mount --make-rshared /
    if [ -d "$groups" ]; then
        mount -t tmpfs -o mode=755 cgroup-v1 /sys/fs/cgroup
        for group in "$groups"/*; do
            mkdir "/sys/fs/cgroup/${group##*/}"
            mount --bind "$group" "/sys/fs/cgroup/${group##*/}"
        done
    fi
    mkdir -p "${pid_file%/*}"
    echo $$ >"$pid_file.new"
    mv "$pid_file.new" "$pid_file"
    exec sleep infinity
}

run() {
    until [ -s "$pid_file" ]; do sleep 0.05; done
    exec nsenter --mount="/proc/$(cat "$pid_file")/ns/mnt" -- "$@"
}

"$@"
