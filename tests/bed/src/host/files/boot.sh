# One boot of a host, in a mount namespace of its own: lays the host's file systems over each other and becomes nspawn.
set -eu

echo $$ >"$GROUP/machine/cgroup.procs"

# The host must find the unified hierarchy at the usual place. Version 1 groups, where the controllers may still be, are
# handed in at another one.
binds=
for group in $V1_GROUPS; do
    name=${group#/sys/fs/cgroup/}
    mkdir -p "$DIR/cgroup-v1/${name%%/*}"
    mount --bind "$group" "$DIR/cgroup-v1/${name%%/*}"
    binds="--bind=$DIR/cgroup-v1:/run/bed/cgroup-v1:rbind"
done
umount --recursive /sys/fs/cgroup
mount -t cgroup2 cgroup2 /sys/fs/cgroup

# redirect_dir: renaming a folder of a lower layer fails otherwise, and rpm --rebuilddb does that.
options="redirect_dir=on,lowerdir=$DIR/seed:$SYSTEMD_LAYER:$BASE,upperdir=$DIR/disk/upper,workdir=$DIR/disk/work"
mount -t overlay overlay -o "$options" "$DIR/root"

# nspawn keeps notes under machine names here, and hosts of two beds may share a name.
mkdir -p /run/systemd/nspawn
mount -t tmpfs tmpfs /run/systemd/nspawn

# The system calls and the writable /proc and /sys are what containerd, runc and the kubelet need.
# --keep-unit, --register: there is no systemd on this machine to ask for a unit.
export SYSTEMD_NSPAWN_API_VFS_WRITABLE=yes
exec systemd-nspawn --quiet --directory="$DIR/root" --boot --register=no --keep-unit --machine="$NAME" \
    --network-namespace-path="/run/netns/$NETNS" --console=pipe --link-journal=no --resolv-conf=off --timezone=off \
    --capability=all --system-call-filter="@mount @keyring bpf" --bind=/dev/kmsg \
    --bind="$DIR/disk/containerd:/var/lib/containerd" --bind="$DIR/disk/kubelet:/var/lib/kubelet" \
    $binds $PROGRAM_BINDS
