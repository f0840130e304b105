#!/usr/bin/env bash
# Link Debian's chromium to the path that is given, for the tests of the HTML page. Root has apt install it where it
# is missing; with all that it needs it is too large to be unpacked by hand. Without root it is only reported as missing.
set -euo pipefail

if (($# != 1)); then
  printf 'usage: tools/find_chromium.sh LINK\n' >&2
  exit 2
fi

if ! command -v chromium >/dev/null; then
  if ((EUID != 0)) || ! command -v apt-get >/dev/null; then
    printf 'find_chromium: no chromium on PATH, and only root can install it; the tests of the page are skipped\n' >&2
    exit 0
  fi
  # A source that has nothing to do with this package may be out of reach: the installation decides.
  apt-get -qq update || true
  DEBIAN_FRONTEND=noninteractive apt-get -qq -y install --no-install-recommends chromium fonts-dejavu-core >/dev/null
fi
mkdir -p "$(dirname "$1")"
ln -sfn "$(command -v chromium)" "$1"
