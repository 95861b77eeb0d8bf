# SPDX-License-Identifier: ISC

check_PROGRAMS += tests/preload/calls
tests_preload_calls_SOURCES = tests/preload/calls.c
tests_preload_calls_CFLAGS = $(AM_CFLAGS) -pthread -Wno-frame-larger-than
EXTRA_DIST += tests/fixture/calls.py
TESTS += tests/preload/accept.py
EXTRA_DIST += tests/preload/accept.py
