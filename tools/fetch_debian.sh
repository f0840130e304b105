#!/usr/bin/env bash
# Print the path of a program that Debian packages; fetch the package first if need be.
# Needs no root: apt works on a state of its own below .cache/, and packages are unpacked there, not installed.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."

if (($# != 3)); then
  printf 'usage: tools/fetch_debian.sh PACKAGE PROGRAM VERSION\n' >&2
  exit 2
fi
package=$1 program=$2 version=$3
target="$PWD/.cache/$program-$version"

fail() {
  printf 'fetch_debian: %s; put %s %s on PATH\n' "$1" "$program" "$version" >&2
  exit 1
}

# Programs say `v2.8.2`, `v=7.0.15` or `Version: 3.4.23`: the wanted version is all of it, or what stands before a dot.
right_version() {
  [[ "$("$1" --version 2>/dev/null)" =~ [\ v=]"$version"([^0-9]|$) ]]
}

if [[ -x "$target/$program" ]]; then
  printf '%s\n' "$target/$program"
  exit
fi
if installed=$(command -v "$program") && right_version "$installed"; then
  mkdir -p "$target"
  ln -sfn "$installed" "$target/$program"
  printf '%s\n' "$target/$program"
  exit
fi
for tool in apt-get dpkg-deb; do
  command -v "$tool" >/dev/null || fail "no $program $version on PATH, and no $tool to fetch it with"
done

mkdir -p .cache
work=$(mktemp -d "$target.XXXXXX")
trap 'rm -rf "$work"' EXIT
mkdir -p "$work/lists/partial" "$work/cache/archives/partial"
options=(-o "Dir::State::lists=$work/lists" -o "Dir::Cache=$work/cache" -o Debug::NoLocking=1
  -o APT::Sandbox::User= -o Acquire::Languages=none -o Acquire::Retries=3)

# A source that has nothing to do with this package may be out of reach: the download below decides.
apt-get -qq "${options[@]}" update >"$work/log" 2>&1 || true
release=$(apt-cache "${options[@]}" madison "$package" 2>>"$work/log" |
  awk -v version="$version" '{ upstream = $3; sub(/^[0-9]+:/, "", upstream) }
    index(upstream, version) == 1 && substr(upstream, length(version) + 1) ~ /^[^0-9]/ && !found++ { print $3 }')
[[ -n "$release" ]] || {
  cat "$work/log" >&2
  fail "apt has no $package $version (Debian 12 does)"
}

# Only what this machine does not have comes along with the package: the libraries that it lacks.
apt-get -qq -y "${options[@]}" install --reinstall --download-only --no-install-recommends "$package=$release" \
  >>"$work/log" 2>&1 || {
  cat "$work/log" >&2
  fail "apt cannot fetch $package $release"
}
for archive in "$work"/cache/archives/*.deb; do
  dpkg-deb -x "$archive" "$work/root"
done
bin=usr/bin
# Packages from before Debian merged both folders have a shell in /bin.
[[ -x "$work/root/$bin/$program" ]] || bin=bin
[[ -x "$work/root/$bin/$program" ]] || fail "the package $package has no /usr/bin/$program"

# shellcheck disable=SC2016 # the script that is written below expands it
libraries=$(find "$work/root" -name '*.so.*' -printf '$here/root/%P\n' | sed 's:/[^/]*$::' | sort -u | paste -sd:)
cat >"$work/$program" <<WRAPPER
#!/bin/sh
here=\$(dirname "\$(readlink -f "\$0")")
LD_LIBRARY_PATH="$libraries" exec "\$here/root/$bin/$program" "\$@"
WRAPPER
chmod +x "$work/$program"
right_version "$work/$program" || fail "the package $package $release does not run here, or is another version"

# Others may be doing the same: the first one to rename wins, and all have the same files.
mkdir -p "$target"
mv -T "$work/root" "$target/root" 2>/dev/null || [[ -d "$target/root" ]]
mv -f "$work/$program" "$target/$program"
printf '%s\n' "$target/$program"
