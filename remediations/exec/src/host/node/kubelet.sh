# What is known of a Kubernetes node's own services: the units of kubelet and runtime, and whether both answer.
# One block of properties per unit, with an empty line between them; a unit that does not exist has a block too.
unit_facts() {
    text=$(timeout -k 1 "$pid1_timeout" systemctl show -p Id -p LoadState -p ActiveState -p SubState -- \
        kubelet.service containerd.service crio.service docker.service 2>/dev/null) && [ -n "$text" ] || return 1
    printf '%s\n' "$text"
}

# Sets healthz to the HTTP status of the kubelet's own health check, to `silent` (nothing within 10 s) or `refused`
# (nobody listens). Empty: there is nothing to ask with, or no answer that can be read.
ask_kubelet() {
    healthz='' answer=''
    for tool in curl bash python3 python python2 /usr/libexec/platform-python ''; do
        [ -n "$tool" ] || return 0
        if command -v "$tool" >/dev/null; then break; fi
    done
    answer=$(get_healthz "$tool" 2>&1 </dev/null)
    code=$?
    set -- $answer
    case $code,$answer in
    124,* | 137,*) healthz=silent ;;
    *,HTTP/*) is_number "${2-}" && healthz=$2 ;;
    7,* | *efused*) healthz=refused ;;
    esac
}

# The first line of the answer, with whatever tool the host has. A proxy of the host's is not for this address.
get_healthz() {
    case $1 in
    curl) timeout -k 1 10 curl -q -s -i --noproxy '*' http://127.0.0.1:10248/healthz ;;
    bash) timeout -k 1 10 bash -c 'exec 3<>/dev/tcp/127.0.0.1/10248 && printf "GET /healthz HTTP/1.0\r\n\r\n" >&3 && read -r line <&3 && printf %s "$line"' ;;
    *) timeout -k 1 10 "$1" -c 'import socket
s = socket.create_connection(("127.0.0.1", 10248))
s.sendall(b"GET /healthz HTTP/1.0\r\n\r\n")
print(s.recv(64).decode())' ;;
    esac
}

# Sets runtime to how the container runtime answered the simplest call within 8 s: `answers`, `silent` or `refused`.
# Empty: it is not known, or nothing is there to ask it with. containerd comes first, for Docker runs on top of it.
# The limit is below the 10 s after which containerd's own client gives up, which would look like a refusal.
ask_runtime() {
    runtime=''
    if [ -S /run/containerd/containerd.sock ] && command -v ctr >/dev/null; then
        ask runtime 8 ctr --address /run/containerd/containerd.sock version
    elif [ -S /run/crio/crio.sock ] && command -v crictl >/dev/null; then
        ask runtime 8 crictl --timeout 30s --runtime-endpoint unix:///run/crio/crio.sock version
    elif [ -S /run/docker.sock ] && command -v docker >/dev/null; then
        ask runtime 8 docker version
    fi
}
