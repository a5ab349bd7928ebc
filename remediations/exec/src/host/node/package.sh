# Package jobs: prepare downloads and tests, install performs.
package_prepare() {
    read_installed
    # What an undo goes back to.
    report before "$before"
    if is_target "$before"; then report already true; report transaction ''; end_job 0; fi
    find_manager
    check_space /var
    check_space /usr
    check_rpm_lock
    refuse_duplicates
    resolve
    report_apart
    manage 900 -y --downloadonly $action $specs >"$dir/download" 2>&1
    code=$?
    cat "$dir/download"
    # yum 3.4 ends a download-only run with other codes than 0.
    if [ "$code" -ne 0 ]; then
        holds "$dir/download" '"Download Only" specified' || classify "$dir/download" DownloadFailed "the package could not be downloaded"
    fi
    test_file
    report already false
    end_job 0
}

package_install() {
    read_installed
    if is_target "$before"; then report already true; report installed "$before"; end_job 0; fi
    refuse_duplicates
    report already false
    find_manager
    resolve
    # No time limit: a PID 1 that hangs holds the package's scriptlets up, and a transaction that is cut leaves two versions.
    manage 0 -y $action $specs >"$dir/install" 2>&1
    code=$?
    cat "$dir/install"
    report exit-code "$code"
    after=$(installed "$name")
    report installed "$after"
    # Not by the exit code: it is 0 for a scriptlet that failed.
    if is_target "$after"; then end_job 0; fi
    [ "$code" -ne 200 ] || fail PackageLocked "another $manager holds the package manager's lock"
    classify "$dir/install" TransactionFailed "$name is ${after:-not installed} after the transaction, not $version"
}

# The installed versions of a package, one a line; none when it is not installed.
installed() {
    answer=$(timeout 60 rpm -q --qf "=$EVR\n" "$1" 2>/dev/null)
    case $answer in
    =*) printf '%s\n' "$answer" | tr -d = | sort -u ;;
    *"is not installed") ;;
    *) return 1 ;;
    esac
}

read_installed() {
    before=$(installed "$name") ||
        fail PackageDatabaseUnreadable "rpm -q $name gave no answer: the package database cannot be read"
}

refuse_duplicates() {
    case $before in *'
'*) report installed "$before"; fail DuplicateVersions "more than one version of $name is installed: clean up with 'dnf remove --duplicates' or 'package-cleanup --cleandupes'" ;; esac
}

is_target() { [ "${1#0:}" = "${version#0:}" ]; }

find_manager() {
    for manager in dnf yum ''; do
        [ -n "$manager" ] || fail NoPackageManager "neither dnf nor yum is on this host"
        if command -v "$manager" >/dev/null; then return 0; fi
    done
}

# Runs the package manager for at most so many seconds; 0 is no limit. exit_on_lock: dnf and yum would wait for ever
# for another one of their kind. timeout, retries: a repository that does not answer is given up after 40 s
# instead of minutes. yum only warns about an option that it does not know.
manage() {
    limit=$1
    shift
    timeout -k 10 "$limit" "$manager" --setopt=exit_on_lock=True --setopt=install_weak_deps=False \
        --setopt=timeout=10 --setopt=retries=1 "$@"
}

# 64 MiB: the systemd packages of el7 are about 10 MB packed and 40 MB unpacked.
check_space() {
    free=$(df -Pk "$1" | { read -r _; read -r _ _ _ free _; printf %s "${free:-}"; })
    is_number "$free" && [ "$free" -ge 65536 ] || fail DiskFull "$1 has ${free:-an unknown number of} KiB free, 65536 are needed"
}

# rpm takes its transaction lock for this and writes nothing to a database that is there.
check_rpm_lock() {
    timeout 5 rpm --initdb >"$dir/lock" 2>&1
    code=$?
    cat "$dir/lock"
    if [ "$code" -ge 124 ] || holds "$dir/lock" 'transaction lock'; then
        fail PackageLocked "another process holds the lock of the package database"
    fi
}

# Where the package manager keeps the file; with a repository on a local disk there is none.
test_file() {
    set +f
    for cache in /var/cache/dnf/*/packages /var/cache/yum/*/packages /var/cache/yum/*/*/packages /var/cache/yum/*/*/*/packages; do
        for file in "$cache/$name-${version#*:}".*.rpm; do
            [ -e "$file" ] || continue
            is_target "$(rpm -qp --qf "$EVR" "$file" 2>/dev/null)" || fail DownloadFailed "$file is not $name-$version"
            rpm -K --nosignature "$file" || fail DownloadFailed "$file is damaged"
            report file "$file"
            case $touched in *" "*" "*) ;; *) test_transaction ;; esac
            set -f
            return 0
        done
    done
    set -f
}

# Only a transaction of one package: of a wider one this file is a part. The manager tests that again by itself.
test_transaction() {
    rpm -U --test --oldpackage "$file" >"$dir/test" 2>&1 || { cat "$dir/test"; classify "$dir/test" TestFailed "rpm's test of the transaction failed"; }
}
