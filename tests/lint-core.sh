#!/bin/sh
# `nodemend-core` decides and touches nothing: no cluster client, no runtime, no SSH among its dependencies.
set -eu

impure='^(kube|kube-[a-z]+|k8s-openapi|tokio|tokio-[a-z]+|ssh2|libssh2-sys|reqwest|hyper) '
if found=$(cargo tree -q -p nodemend-core -e normal --prefix none | grep -E "$impure"); then
    printf 'nodemend-core must not depend on these; `cargo tree -p nodemend-core -i NAME` shows how they come in:\n%s\n' "$found" >&2
    exit 1
fi
