# Which transaction leads to the wanted version, and why one failed, from what yum or dnf print.
# Finds the action that leads to exactly the wanted version, and what else it would touch. Sets action and specs.
resolve() {
    found=''
    if [ -n "$before" ]; then set -- upgrade downgrade; else set -- install; fi
    for action in "$@"; do
        specs=$name-${version#*:}
        if [ "$action" = downgrade ]; then add_siblings; fi
        manage 600 --assumeno $action $specs >"$dir/resolve" 2>&1
        code=$?
        cat "$dir/resolve"
        [ "$code" -ne 200 ] || fail PackageLocked "another $manager holds the package manager's lock"
        read_transaction
        if [ -n "$found" ]; then break; fi
    done
    [ -n "$found" ] || classify "$dir/resolve" NoSuchVersion "no repository leads from ${before:-nothing} to $name-$version"
    report transaction "$transaction"
    for word in $touched; do
        case " $name $allow " in *" $word "*) ;; *) fail TransactionTooWide "the transaction would touch $word, which the playbook does not allow" ;; esac
    done
}

# A downgrade does not take along what was built with the package; an upgrade does.
add_siblings() {
    for word in $allow; do
        if is_sibling "$word"; then specs="$specs $word-${version#*:}"; fi
    done
}

is_sibling() { [ "$(source_of "$1")" = "$(source_of "$name")" ]; }
source_of() { rpm -q --qf '%{SOURCERPM}\n' "$1" 2>/dev/null | sort -u; }

# What the transaction touches that was not built with the package: a way back would not take it along.
report_apart() {
    apart=''
    for word in $touched; do
        [ "$word" = "$name" ] || is_sibling "$word" || apart="$apart $word"
    done
    report apart "${apart# }"
}

# Reads the table that yum and dnf print. Long names wrap: what begins with one space begins an entry.
read_transaction() {
    transaction='' touched='' section='' entry=''
    while IFS= read -r line; do
        case $line in
        'Transaction Summary'*) break ;;
        *replacing\ *) take_entry; entry="${line#*replacing }"; take_replaced ;;
        [A-Z]*:) take_entry; enter_section ;;
        '  '*) if [ -n "$entry" ]; then entry="$entry $line"; fi ;;
        ' '*) take_entry; if [ -n "$section" ]; then entry=$line; fi ;;
        esac
    done <"$dir/resolve"
    take_entry
}

enter_section() {
    case $line in
    Install* | Upgrad* | Updat* | Downgrad* | Remov* | Reinstall* | Obsolet* | Enabl* | Disabl* | Switch* | Reset*) section=${line%%[ :]*} ;;
    *) section='' ;;
    esac
}

take_entry() {
    [ -n "$entry" ] || return 0
    set -- $entry
    entry=''
    touched="$touched $1"
    transaction="$transaction$section $1 ${3-}
"
    if [ "$1" = "$name" ] && is_target "${3-}" && [ "$section" != Removing ]; then found=yes; fi
}

take_replaced() {
    set -- $entry
    entry=''
    touched="$touched ${1%.*}"
    transaction="${transaction}Replacing $1
"
}

holds() {
    while IFS= read -r line; do
        case $line in *"$2"*) return 0 ;; esac
    done <"$1"
    return 1
}

# Ends the job with a reason found in the output of a package manager, or with the given one.
classify() {
    while IFS='|' read -r reason text message; do
        if holds "$1" "$text"; then fail "$reason" "$message: $line"; fi
    done <<REASONS
PackageLocked|holding the yum lock|another process holds the package manager's lock
PackageLocked|transaction lock|another process holds the lock of the package database
PackageLocked|Waiting for process|another process holds the package manager's lock
DiskFull|No space left|the disk is full
DiskFull|Not enough space|the disk is full
DiskFull|Disk Requirements|the disk is full
DiskFull|more space needed|the disk is full
DiskFull|B on the /|the disk is full
DiskFull|more space on the|the disk is full
RepositoryUnavailable|repomd.xml|a repository cannot be read
RepositoryUnavailable|Failed to download|a repository cannot be read
RepositoryUnavailable|Failed to synchronize|a repository cannot be read
RepositoryUnavailable|Cannot retrieve|a repository cannot be read
RepositoryUnavailable|Cannot download|a repository cannot be read
RepositoryUnavailable|valid baseurl|a repository cannot be read
RepositoryUnavailable|No more mirrors|a repository cannot be read
RepositoryUnavailable|All mirrors|a repository cannot be read
RepositoryUnavailable|Error downloading|a repository cannot be read
RepositoryUnavailable|Curl error|a repository cannot be read
RepositoryUnavailable|Errno 14|a repository cannot be read
RepositoryUnavailable|no enabled repo|no repository is enabled
REASONS
    fail "$2" "$3"
}
