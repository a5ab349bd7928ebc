# fence and clean: what the controller asks between jobs.
fence() {
    lock
    check_epoch
    say epoch "$epoch"
    finish
}

# Takes away what jobs left that are over, a number of days after their last change. Void marks go too: by then no
# connection can still hold a launch.
clean() {
    need_number days "$days"
    lock
    check_epoch
    now=$(date +%s)
    removed=0
    set +f
    for dir in "$STATE"/jobs/*; do
        age=$((now - $(stat -c %Y "$dir" 2>/dev/null || printf %s "$now")))
        if [ "$age" -gt "$((days * 86400))" ] && is_over "$dir"; then
            rm -rf "$dir" && removed=$((removed + 1))
        fi
    done
    say removed "$removed"
    finish
}

is_over() {
    [ -e "$1/pid" ] || return 0
    read -r pid pid_start pid_boot <"$1/pid"
    [ -e "$1/exit" ] || ! process "$pid" || [ "$start" != "$pid_start" ]
}
