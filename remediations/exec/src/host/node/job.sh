# The frame of a job: it runs detached, after the connection that launched it is gone.
# Runs in a session of its own. The pid is on record, under the lock, before anything is done.
job() {
    intent=$1
    dir=$STATE/jobs/$intent
    lock
    read_job
    read_epoch
    boot_id
    if [ -e "$dir/void" ] || [ -e "$dir/pid" ] || [ "$boot" != "$job_boot" ]; then exit 0; fi
    if [ "$job_epoch" -lt "$seen" ]; then printf 'fenced\n' | store "$dir/void"; exit 0; fi
    process $$ && printf '%s %s %s\n' $$ "$start" "$boot" | store "$dir/pid" || exit 1
    unlock
    cd /
    # What the package manager writes is for everybody; the folder of the job stays closed.
    umask 022
    exec </dev/null >"$dir/output" 2>&1
    leave_session
    case $kind in
    package-prepare) package_prepare ;;
    package-install) package_install ;;
    reboot) reboot_host ;;
    service-restart) restart_service ;;
    esac
}

read_job() {
    { read -r job_epoch; read -r job_boot; read -r kind; read -r name; read -r version; read -r grace; read -r allow; } <"$dir/job"
}

# Out of the login's control group: its end, or its memory limit, must not end the job.
leave_session() {
    for group in /sys/fs/cgroup/systemd /sys/fs/cgroup/unified /sys/fs/cgroup; do
        { true >>"$group/cgroup.procs" && printf '%s\n' $$ >"$group/cgroup.procs"; } 2>/dev/null
    done
}

report() { say "$1" "$2" >>"$dir/report"; }
end_job() { printf '%s\n' "$1" | store "$dir/exit"; exit "$1"; }

fail() {
    report reason "$1"
    report message "$2"
    end_job 1
}
