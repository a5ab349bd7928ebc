# The service job: one unit is restarted; what proves it is another main process, never an exit code.
restart_service() {
    ask direct 5 systemctl show --property=Version
    case $direct in
    answers) ;;
    silent) manager_silent ;;
    *) fail ManagerUnreachable "systemctl gets no answer from PID 1 on this host: is systemd its service manager?" ;;
    esac
    read_unit || manager_silent
    case $load in
    loaded) ;;
    masked) fail UnitMasked "$name is masked on this host: somebody forbade it to run" ;;
    not-found) fail UnitNotFound "this host has no $name; look with systemctl list-unit-files" ;;
    *) fail UnitNotLoaded "systemd cannot load $name (${load:-unknown}); look with systemctl status $name" ;;
    esac
    report pid-before "$main_pid"
    report since-before "$since"
    report ordered yes
    timeout -k 1 "$grace" systemctl restart -- "$name"
    report exit-code "$?"
    read_unit || manager_silent
    report pid-after "$main_pid"
    report since-after "$since"
    report active "$active"
    report sub "$sub"
    end_job 0
}

manager_silent() { fail ManagerSilent "PID 1 does not answer within 5 s: it hangs, and no service can be restarted"; }

# Sets load, active, sub, main_pid and since (microseconds since the boot) of the unit.
read_unit() {
    load='' active='' sub='' main_pid='' since=''
    timeout -k 1 5 systemctl show -p LoadState -p ActiveState -p SubState -p MainPID -p ActiveEnterTimestampMonotonic \
        -- "$name" >"$dir/unit" || return 1
    while IFS= read -r line; do
        case $line in
        LoadState=*) load=${line#*=} ;;
        ActiveState=*) active=${line#*=} ;;
        SubState=*) sub=${line#*=} ;;
        MainPID=*) main_pid=${line#*=} ;;
        ActiveEnterTimestampMonotonic=*) since=${line#*=} ;;
        esac
    done <"$dir/unit"
}
