# SPDX-License-Identifier: ISC
# Benchmarks: built by `make bench/NAME`, run by hand. They report ratios and
# medians of rounds that take turns, and are no tests.
EXTRA_DIST += bench/README
EXTRA_PROGRAMS = bench/carry
bench_carry_SOURCES = bench/carry.c
bench_carry_LDADD = libproxyproto-core.la
CLEANFILES = $(EXTRA_PROGRAMS)
