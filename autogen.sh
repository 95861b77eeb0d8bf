#!/bin/sh
# SPDX-License-Identifier: ISC
# Makes ./configure from configure.ac. Needs autoconf, automake, libtool and
# pkg-config.
set -e
cd "$(dirname "$0")"
missing=
for program in autoreconf:autoconf automake:automake libtoolize:libtool \
	pkg-config:pkgconf; do
	command -v "${program%:*}" >/dev/null || missing="$missing ${program#*:}"
done
if [ -n "$missing" ]; then
	echo "autogen.sh: not installed; in Debian: apt-get install$missing" >&2
	exit 1
fi
mkdir -p m4
exec autoreconf --install --force "$@"
