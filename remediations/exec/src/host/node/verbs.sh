# launch and probe: a job starts at most once, and its state can be told after any loss of connection.
launch() {
    need_word intent "$intent"
    check_job
    lock
    check_epoch
    dir=$STATE/jobs/$intent
    [ ! -e "$dir/void" ] || refuse Voided "this intent was voided; a retry needs a new intent id"
    if [ -e "$dir/job" ]; then say state already; finish; fi
    boot_id
    mkdir -p "$dir" && printf '%s\n' "$epoch" "$boot" "$kind" "$name" "$version" "$grace" "$allow" | store "$dir/job" ||
        refuse StateUnwritable "cannot write $dir: is the disk full?"
    unlock
    trap '' HUP
    setsid /bin/sh -c 'eval "$1"' nodemend "$PROGRAM" job "$intent" </dev/null >/dev/null 2>&1 &
    await_start
    say state launched
    finish
}

check_job() {
    case $kind in
    package-prepare | package-install)
        need_word name "$name"
        need_word version "$version"
        grace='' words=''
        for word in $allow; do
            need_word allow "$word"
            words="$words $word"
        done
        allow=${words# } ;;
    reboot)
        need_number grace "$grace"
        name='' version='' allow='' ;;
    service-restart)
        need_word name "$name"
        case $name in *.service) ;; *) refuse BadRequest "only a unit that ends in .service is restarted" ;; esac
        need_number grace "$grace"
        version='' allow='' ;;
    *) refuse BadRequest "this program does not know the job kind" ;;
    esac
}

# So that a look right after the launch finds the job; nothing depends on it.
await_start() {
    tries=0
    while [ ! -e "$dir/pid" ] && [ ! -e "$dir/void" ] && [ "$tries" -lt 50 ]; do
        tries=$((tries + 1))
        sleep 0.1 2>/dev/null || sleep 1
    done
}

probe() {
    need_word intent "$intent"
    lock
    check_epoch
    boot_id
    dir=$STATE/jobs/$intent
    if [ ! -e "$dir/pid" ]; then probe_unstarted; fi
    read_job
    alive=''
    read -r pid pid_start pid_boot <"$dir/pid"
    if process "$pid" && [ "$start" = "$pid_start" ] && [ "$boot" = "$pid_boot" ]; then
        # A PID 1 that hangs reaps nothing: a job that ended stays as Z for ever.
        case $state in Z | X | x) ;; *) alive=yes ;; esac
    fi
    # Looked at after the process, or a job that ends in between would seem lost.
    if [ -e "$dir/exit" ]; then
        read -r code <"$dir/exit"
        say state exited
        say code "$code"
        say_job
    elif [ "$kind" = reboot ] && [ "$boot" != "$job_boot" ]; then
        say state exited
        say_job
    elif [ -n "$alive" ]; then
        read -r uptime _ </proc/uptime
        say state running
        # Start times count in USER_HZ, which is 100 on every Linux.
        say seconds "$((${uptime%%.*} - start / 100))"
    else
        say state lost
        say boot-now "$boot"
    fi
    finish
}

# A launched job that has not written its pid does nothing before it has the lock and finds no void mark.
probe_unstarted() {
    if [ "$void" = yes ] && [ ! -e "$dir/void" ]; then
        mkdir -p "$dir" && printf 'void\n' | store "$dir/void" || refuse StateUnwritable "cannot write $dir: is the disk full?"
    fi
    say state not-started
    if [ -e "$dir/void" ]; then say voided yes; else say voided no; fi
    finish
}

say_job() {
    say boot-before "$job_boot"
    say boot-now "$boot"
    if [ -e "$dir/report" ]; then
        while IFS= read -r line; do printf 'report.%s\n' "$line"; done <"$dir/report"
    fi
    printf 'output='
    if [ -e "$dir/output" ]; then tail -c "$OUTPUT_BYTES" "$dir/output" | base64 | tr -d '\n'; fi
    printf '\n'
}
