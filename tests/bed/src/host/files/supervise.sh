# Keeps one host of the bed running: connects it, boots it, and boots it again when it asks for a reboot.
# Ends when the host powers off. Killing the host's control group ends everything at once.
# The variables come from the environment; power.rs sets them.
set -u

# The port goes first: a deleted namespace lets go of its devices some time later, and the name would still be taken.
disconnect() {
    ip -n "$HUB_NETNS" link delete "$PORT" 2>/dev/null
    ip netns delete "$NETNS" 2>/dev/null
}

# Everything is made anew for every boot: routes, rules and bridges of the last one must not survive.
connect() {
    disconnect
    ip netns add "$NETNS" &&
        ip -n "$NETNS" link set lo up &&
        ip link add "$PORT" netns "$HUB_NETNS" type veth peer name host0 netns "$NETNS" &&
        ip -n "$HUB_NETNS" link set "$PORT" master "$BRIDGE" up &&
        ip -n "$NETNS" link set host0 address "$MAC" up &&
        ip -n "$NETNS" address add "$ADDRESS/$PREFIX_LENGTH" dev host0 &&
        ip -n "$NETNS" route add default via "$GATEWAY"
}

# Pods leave their version 1 groups behind; the kubelet takes 28 s instead of 3 s if it finds them.
remove_pod_groups() {
    for group in $V1_GROUPS; do
        find "$group" -mindepth 1 -depth -type d -exec rmdir {} +
    done
}

for group in $V1_GROUPS; do
    echo $$ >"$group/cgroup.procs" || exit 1
done
while :; do
    connect || exit 1
    unshare --mount --propagation private sh "$DIR/boot.sh"
    status=$?
    # Without this the address would still answer, with "refused", while the host is down.
    disconnect
    remove_pod_groups
    # systemd-nspawn exits with 133 when the host asks for a reboot.
    if [ "$status" != 133 ] || [ -e "$DIR/stay-down" ]; then
        echo "the host is off (status $status)"
        exit 0
    fi
done
