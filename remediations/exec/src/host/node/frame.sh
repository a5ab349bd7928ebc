# The one program that Nodemend runs on a host.
#
# It is sent as a constant: `sh -c 'eval "$1"' nodemend PROGRAM`, so that a forced command and sudoers can pin it.
# What to do comes as data on standard input: a verb, `key=BASE64` lines, `end`. Nothing is done before `end` was
# read. The answer has the same form; without its `end` line it was cut off. POSIX sh with coreutils, flock,
# setsid, timeout, rpm and yum or dnf; it must work while PID 1 and D-Bus are dead.
set -uf
umask 077
PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin
LC_ALL=C
export PATH LC_ALL
STATE=/var/lib/nodemend
OUTPUT_BYTES=65536
PROGRAM=${1-}
EVR='%|EPOCH?{%{EPOCH}:}:{}|%{VERSION}-%{RELEASE}'

# Answers and requests.
say() { printf '%s=' "$1"; printf %s "$2" | base64 | tr -d '\n'; printf '\n'; }
finish() { printf 'end\n'; exit 0; }
refuse() { say refused "$1"; say message "$2"; finish; }
is_number() { case $1 in '' | *[!0-9]* | ????????????????*) return 1 ;; esac; }
is_word() { case $1 in '' | [!A-Za-z0-9]* | *[!A-Za-z0-9._+~^:-]*) return 1 ;; esac; }
need_number() { is_number "$2" || refuse BadRequest "$1 must be a whole number"; }
need_word() { is_word "$2" || refuse BadRequest "$1 must be a plain word"; }

read_request() {
    verb='' intent='' epoch='' kind='' name='' version='' allow='' grace='' void='' packages='' pid1_timeout='' days='' complete=''
    IFS= read -r verb || return 0
    while IFS= read -r line; do
        case $line in
        end) complete=yes; return 0 ;;
        intent=* | epoch=* | kind=* | name=* | version=* | allow=* | grace=* | void=* | packages=* | pid1_timeout=* | days=*)
            value=$(printf %s "${line#*=}" | base64 -d 2>/dev/null) || return 0
            eval "${line%%=*}=\$value" ;;
        *) refuse BadRequest "the request has a line that this program does not know" ;;
        esac
    done
}
