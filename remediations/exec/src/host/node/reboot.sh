# The restart job: orderly if PID 1 answers, forced if it does not.
reboot_host() {
    trap outlive_logins TERM
    ask_pid1 5
    report pid1 "${pid1:-unknown}"
    write_out
    if [ "$direct" = answers ]; then
        case $(timeout 5 systemctl show --property=LoadState reboot.target) in
        *masked*) fail RebootRefused "reboot.target is masked on this host: somebody forbade restarts" ;;
        esac
        report orderly true
        timeout -k 1 30 systemctl -i reboot
        wait_seconds "$grace"
    else
        report orderly false
    fi
    report forced true
    write_out
    timeout -k 1 20 reboot -ff
    wait_seconds 5
    press_sysrq
    wait_seconds 30
    fail RebootFailed "the machine did not restart"
}

# An orderly shutdown ends logins first, and this job must outlive a shutdown that hangs. Only the last stage, in which
# PID 1 is another program that waits for every process, must not have to wait for it.
outlive_logins() {
    read -r manager </proc/1/comm
    case $manager in systemd-shutdow*) exit 0 ;; esac
}

# Writes file systems out, for at most 60 s: a dead network file system would hold the restart up for ever.
write_out() {
    sync &
    writer=$!
    tries=0
    while process "$writer" && [ "$state" != Z ] && [ "$tries" -lt 60 ]; do
        tries=$((tries + 1))
        sleep 1
    done
    if [ "$tries" -lt 60 ]; then report synced true; else report synced false; fi
}

wait_seconds() {
    read -r until _ </proc/uptime
    until=$((${until%%.*} + $1))
    while read -r now _ </proc/uptime && [ "${now%%.*}" -lt "$until" ]; do sleep 1; done
}

# In a container the trigger is the outer machine's, with all that runs there.
press_sysrq() {
    if [ -e /run/systemd/container ] || [ -e /.dockerenv ] || systemd-detect-virt -q -c; then return 0; fi
    report sysrq true
    { printf b >/proc/sysrq-trigger; } 2>/dev/null
}
