# SPDX-License-Identifier: ISC
# The UDP library.
check_PROGRAMS += tests/udp/shapes
tests_udp_shapes_SOURCES = tests/udp/shapes.c
tests_udp_shapes_CFLAGS = $(AM_CFLAGS) -Wno-frame-larger-than
check_PROGRAMS += tests/udp/threads
tests_udp_threads_SOURCES = tests/udp/threads.c
tests_udp_threads_CFLAGS = $(AM_CFLAGS) -pthread
EXTRA_DIST += tests/fixture/udp.py
EXTRA_DIST += tests/udp/answers.py
EXTRA_DIST += tests/udp/connected.py
EXTRA_DIST += tests/udp/programs.py
EXTRA_DIST += tests/udp/descriptors.py
EXTRA_DIST += tests/udp/shapes.py
EXTRA_DIST += tests/udp/spp.py
EXTRA_DIST += tests/udp/syscalls.py
EXTRA_DIST += tests/udp/threads.py
EXTRA_DIST += tests/udp/trust.py
TESTS += tests/udp/answers.py
TESTS += tests/udp/connected.py
TESTS += tests/udp/programs.py
TESTS += tests/udp/descriptors.py
TESTS += tests/udp/shapes.py
TESTS += tests/udp/spp.py
TESTS += tests/udp/syscalls.py
TESTS += tests/udp/threads.py
TESTS += tests/udp/trust.py
