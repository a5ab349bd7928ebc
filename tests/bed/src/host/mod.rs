//! Node hosts: systemd-nspawn machines that run a kubelet.
