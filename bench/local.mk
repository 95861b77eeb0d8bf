# SPDX-License-Identifier: ISC
# Benchmarks: built by `make bench/NAME`, and run by hand or by `./dev bench`.
# They report ratios and medians of rounds that take turns, and are no tests.
EXTRA_DIST += bench/README
EXTRA_PROGRAMS = bench/carry bench/echo bench/load
bench_carry_SOURCES = bench/carry.c
bench_carry_LDADD = libproxyproto-core.la
bench_echo_SOURCES = bench/echo.c
bench_echo_CFLAGS = $(AM_CFLAGS) -pthread -Wno-frame-larger-than
bench_load_SOURCES = bench/load.c
bench_load_CFLAGS = $(AM_CFLAGS) -Wno-frame-larger-than
bench_load_LDADD = libproxyproto-core.la
CLEANFILES = $(EXTRA_PROGRAMS)
