#!/bin/sh
# Restores the pinned llama.cpp libraries into the folder named by $1. Several builds may run this at once: each works in
# a folder of its own and the first rename wins.
set -eu
target=$1
here=$(cd "$(dirname "$0")" && pwd)

fail() { echo "restore.sh: error : $1" >&2; exit 1; }

command -v node >/dev/null 2>&1 || fail "Node.js is missing. llama.cpp's libraries come from npm: install Node 20 or newer with npm, then build again."
command -v npm >/dev/null 2>&1 || fail "npm is missing. llama.cpp's libraries come from npm: install npm (with Node 20 or newer), then build again."
major=$(node -p 'process.versions.node.split(".")[0]')
[ "$major" -ge 20 ] || fail "Node $major is too old: install Node 20 or newer, then build again."

mkdir -p "$(dirname "$target")"
work=$(mktemp -d "$target.XXXXXX")
trap 'rm -rf "$work"' EXIT
cp "$here/package.json" "$here/package-lock.json" "$here/.npmrc" "$work/"
(cd "$work" && npm ci --ignore-scripts --no-audit --no-fund --loglevel=error) ||
    fail "npm ci failed. The lock file pins llama.cpp's libraries with an integrity hash; look above for npm's reason (no network? another platform than Linux x64 with glibc?)."

bins="$work/node_modules/@node-llama-cpp/linux-x64/bins/linux-x64"
mkdir "$work/out"
for file in "$bins"/libggml*.so "$bins"/libllama.v*.so; do mv "$file" "$work/out/"; done
{
    echo "llama.cpp and ggml, as packaged by @node-llama-cpp/linux-x64. The package's licence follows."
    echo "llama.cpp and ggml themselves: MIT License, Copyright (c) 2023-2026 The ggml authors."
    echo
    cat "$work/node_modules/@node-llama-cpp/linux-x64/LICENSE"
} > "$work/out/LICENSE.llama.cpp.txt"
chmod 0755 "$work/out" && chmod 0444 "$work/out"/*
# libllama is what the build looks for, so it must not be seen before the rest: one rename shows all of it.
mv -T "$work/out" "$target" 2>/dev/null || [ -e "$target/libllama.v0.5.0.so" ] || fail "cannot put the libraries into $target."
