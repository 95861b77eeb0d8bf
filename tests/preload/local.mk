# SPDX-License-Identifier: ISC

# The server library. These tests ask getpeername, too.
check_PROGRAMS += tests/preload/calls
tests_preload_calls_SOURCES = tests/preload/calls.c
tests_preload_calls_CFLAGS = $(AM_CFLAGS) -pthread -Wno-frame-larger-than
EXTRA_DIST += tests/fixture/calls.py
EXTRA_DIST += tests/preload/accept.py
EXTRA_DIST += tests/preload/addresses.py
EXTRA_DIST += tests/preload/headers.py
EXTRA_DIST += tests/preload/waiting.py
if GETPEERNAME_CACHE
TESTS += tests/preload/accept.py
TESTS += tests/preload/addresses.py
TESTS += tests/preload/headers.py
TESTS += tests/preload/waiting.py
endif
