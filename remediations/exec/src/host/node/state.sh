# What the host remembers, and the one lock under which it decides.
# Replaces a file in one step and makes that durable. The write of `synced` commits the rename too: the journals of
# ext4 and xfs keep their order. (`sync FILE` of coreutils before 8.24 writes out every file system, dead NFS included.)
store() {
    dd of="$1.new" conv=fsync 2>/dev/null && mv -f "$1.new" "$1" || return 1
    printf . | dd of="$STATE/synced" conv=fsync 2>/dev/null
}

# All decisions are made under this lock, which is held for moments only; jobs run without it.
lock() {
    { mkdir -p "$STATE/jobs" && chmod 700 "$STATE" && true >>"$STATE/lock"; } 2>/dev/null ||
        refuse StateUnwritable "cannot write $STATE: is the disk full or read-only?"
    exec 9>>"$STATE/lock"
    timeout 10 flock 9 || refuse HostLocked "$STATE/lock was held for 10 s"
}

unlock() { exec 9>&-; }

read_epoch() {
    seen=0
    if [ -e "$STATE/epoch" ]; then read -r seen <"$STATE/epoch" || seen=''; fi
    is_number "$seen" || refuse StateDamaged "$STATE/epoch does not hold a number"
}

# A lower epoch than the highest seen is refused, a higher one is kept.
check_epoch() {
    need_number epoch "$epoch"
    read_epoch
    if [ "$epoch" -lt "$seen" ]; then
        say seen "$seen"
        refuse Fenced "epoch $epoch is below $seen, the highest that this host has seen"
    fi
    [ "$epoch" -eq "$seen" ] || printf '%s\n' "$epoch" | store "$STATE/epoch" ||
        refuse StateUnwritable "cannot write $STATE/epoch: is the disk full?"
}

boot_id() { boot=''; read -r boot </proc/sys/kernel/random/boot_id; }

# Sets start and state of a process from /proc/PID/stat; the command's name in it may hold spaces and brackets.
process() {
    start='' state=''
    { IFS= read -r line <"/proc/$1/stat"; } 2>/dev/null || return 1
    set -- ${line##*) }
    state=$1 start=${20}
}
