#!/bin/sh
# SPDX-License-Identifier: ISC
# Makes ./configure from configure.ac. Needs autoconf, automake, libtool and
# pkg-config.
set -e
cd "$(dirname "$0")"
mkdir -p m4
exec autoreconf --install --force "$@"
