# What is known of the host, in one answer; what cannot be read is left out.
facts() {
    need_number pid1_timeout "$pid1_timeout"
    for file in /etc/os-release /usr/lib/os-release; do
        if text=$(cat "$file" 2>/dev/null); then say os-release "$text"; break; fi
    done
    if text=$(uname -m); then say uname-m "$text"; fi
    if text=$(uname -r); then say uname-r "$text"; fi
    if text=$(cat /proc/sys/kernel/random/boot_id 2>/dev/null); then say boot-id "$text"; fi
    if text=$(cat /proc/uptime 2>/dev/null); then say uptime "$text"; fi
    if text=$(readlink /proc/1/exe 2>/dev/null); then say pid1-exe "$text"; fi
    if text=$(cat "$STATE/epoch" 2>/dev/null); then say epoch "$text"; fi
    if [ -n "$packages" ] && text=$(package_facts); then say packages "$text"; fi
    ask_pid1 "$pid1_timeout"
    if [ -n "$pid1" ]; then say pid1 "$pid1"; fi
    # A manager that hangs is not asked again.
    if [ "$direct" = answers ] && text=$(unit_facts); then say units "$text"; fi
    ask_kubelet
    if [ -n "$healthz" ]; then say kubelet-healthz "$healthz"; fi
    ask_runtime
    if [ -n "$runtime" ]; then say runtime "$runtime"; fi
    finish
}

# One line per installed package; fails when the package database cannot be read.
package_facts() {
    for word in $packages; do is_word "$word" || return 1; done
    lines=$(timeout 20 rpm -q --qf "%{NAME}\t$EVR\n" $packages 2>/dev/null)
    [ "$?" -lt 124 ] && [ -n "$lines" ] || return 1
    tab=$(printf '\t')
    printf '%s\n' "$lines" | sort -u | while IFS= read -r line; do
        case $line in *"$tab"*) printf '%s\n' "$line" ;; *"is not installed") ;; *) return 1 ;; esac
    done
}

# Asks PID 1 over its own socket first, then over the message bus. `answers` needs both; `refused` says that the bus
# is gone while PID 1 itself may work. Empty: there was nothing to ask with.
ask_pid1() {
    pid1='' direct=missing bus=missing
    if command -v systemctl >/dev/null; then
        ask direct "$1" systemctl show --property=Version
    fi
    if [ "$direct" != silent ] && command -v busctl >/dev/null; then
        ask bus "$1" busctl call org.freedesktop.systemd1 /org/freedesktop/systemd1 org.freedesktop.DBus.Peer Ping
    fi
    case $direct,$bus in
    missing,missing) ;;
    silent,* | missing,silent | refused,silent) pid1=silent ;;
    *,answers | answers,missing) pid1=answers ;;
    *) pid1=refused ;;
    esac
}

ask() {
    answer=$1 limit=$2
    shift 2
    timeout -k 1 "$limit" "$@" </dev/null >/dev/null 2>&1
    case $? in
    0) eval "$answer=answers" ;;
    124 | 137 | 143) eval "$answer=silent" ;;
    *) eval "$answer=refused" ;;
    esac
}
