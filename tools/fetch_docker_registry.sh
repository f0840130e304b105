#!/usr/bin/env bash
# Print the path of docker-registry 2.8.2, the registry of the service tests; fetch Debian's package first if need be.
# Needs no root: apt works on a state of its own below .cache/, and the package is unpacked there, not installed.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."

version=2.8.2
target="$PWD/.cache/docker-registry-$version"

fail() {
  printf 'fetch_docker_registry: %s\n' "$1" >&2
  exit 1
}

right_version() {
  [[ "$("$1" --version 2>/dev/null)" == *" $version"* ]]
}

if [[ -x "$target/docker-registry" ]]; then
  printf '%s\n' "$target/docker-registry"
  exit
fi
if installed=$(command -v docker-registry) && right_version "$installed"; then
  printf '%s\n' "$installed"
  exit
fi
for tool in apt-get dpkg-deb; do
  command -v "$tool" >/dev/null ||
    fail "no docker-registry $version on PATH, and no $tool to fetch it with; put that version on PATH"
done

mkdir -p .cache
work=$(mktemp -d "$PWD/.cache/docker-registry.XXXXXX")
trap 'rm -rf "$work"' EXIT
mkdir -p "$work/lists/partial" "$work/cache/archives/partial" "$work/unpacked"
apt=(apt-get -qq -o "Dir::State::lists=$work/lists" -o "Dir::Cache=$work/cache" -o Debug::NoLocking=1
  -o APT::Sandbox::User= -o Acquire::Languages=none -o Acquire::Retries=3)

# A source that has nothing to do with this package may be out of reach: the download below decides.
"${apt[@]}" update >"$work/log" 2>&1 || true
(cd "$work" && "${apt[@]}" download "docker-registry=$version*" >>"$work/log" 2>&1) || {
  cat "$work/log" >&2
  fail "apt has no docker-registry $version (Debian 12 does); put that version on PATH"
}
dpkg-deb -x "$work"/docker-registry_*.deb "$work/unpacked"
right_version "$work/unpacked/usr/bin/docker-registry" || fail "the package holds another version than $version"

# Others may be doing the same: whoever renames first is right, and all have the same file.
mkdir -p "$target"
mv -f "$work/unpacked/usr/bin/docker-registry" "$target/docker-registry"
printf '%s\n' "$target/docker-registry"
