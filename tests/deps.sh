#!/bin/sh
# What has to be there before the command that installs the rest can be built: a Rust toolchain, Go, and a linker.
set -eu

missing() {
    echo "make: $1 is missing; $2" >&2
    exit 1
}

command -v cargo >/dev/null || missing "a Rust toolchain" "install one from https://rustup.rs"
command -v go >/dev/null || missing "Go" "install it from https://go.dev/dl, or the Debian package golang-go"
command -v cc >/dev/null && exit 0

install="apt-get update && apt-get install -y --no-install-recommends gcc libc6-dev"
[ "$(id -u)" -eq 0 ] || missing "a C compiler" "as root: $install"
echo "make: installing a C compiler" >&2
DEBIAN_FRONTEND=noninteractive sh -c "$install" >/dev/null
