"""Holds the locks that RPM, yum of el7 and yum of later releases take for a transaction."""

import fcntl
import os
import signal

import dnf.lock

PID_FILE = "/run/bed/package-lock.pid"

# Otherwise the signal ends the process before the locks are tidied up.
signal.pthread_sigmask(signal.SIG_BLOCK, [signal.SIGTERM])
# el7's yum: a file that names a live process.
with open("/run/yum.pid", "w", encoding="ascii") as yum_lock:
    yum_lock.write(str(os.getpid()))
rpm_lock = open("/var/lib/rpm/.rpm.lock", "w", encoding="ascii")
fcntl.lockf(rpm_lock, fcntl.LOCK_EX)
with dnf.lock.build_rpmdb_lock("/var/lib/dnf", True), dnf.lock.build_metadata_lock("/var/cache/dnf", True):
    with open(PID_FILE, "w", encoding="ascii") as pid_file:
        pid_file.write(str(os.getpid()))
    signal.sigwait([signal.SIGTERM])
os.remove("/run/yum.pid")
