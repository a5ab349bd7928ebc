# Runs inside the new root file system, by `sh -eu`.

cat >/etc/os-release <<'END'
NAME="CentOS Linux"
VERSION="7 (Core)"
ID="centos"
ID_LIKE="rhel fedora"
VERSION_ID="7"
PRETTY_NAME="CentOS Linux 7 (Core)"
END
echo 'CentOS Linux release 7.9.2009 (Core)' >/etc/centos-release
ln -sf centos-release /etc/redhat-release

# el7 has yum alone: the program stays, under that one name.
mv /usr/bin/dnf-3 /usr/libexec/dnf-3
rm /usr/bin/dnf
ln -s ../libexec/dnf-3 /usr/bin/yum
echo 7 >/etc/dnf/vars/releasever
sed -i 's/^enabled.*/enabled = False/' /etc/dnf/plugins/local.conf

# Debian keeps the database per user.
mkdir -p /etc/rpm
echo '%_dbpath /var/lib/rpm' >/etc/rpm/macros

# A host has its own keys and identity.
rm -f /etc/ssh/ssh_host_* /etc/hostname /etc/resolv.conf
: >/etc/machine-id
# The host's console is a log file: no logins there. Nothing needs the network to be configured or names resolved.
systemctl mask console-getty.service getty.target systemd-networkd.service systemd-resolved.service
systemctl mask apt-daily.timer apt-daily-upgrade.timer dpkg-db-backup.timer e2scrub_all.timer fstrim.timer
systemctl mask dnf-makecache.timer

# Mount points of the bed: the package repository for the server that runs from this image, the programs of a node.
mkdir -p /srv/repository /opt/bed
