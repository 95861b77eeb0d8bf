# SPDX-License-Identifier: ISC
# Benchmarks: built by `make bench-programs`, run by `./dev bench`. They report
# ratios and medians of rounds that take turns, and are no tests.
EXTRA_DIST += bench/README bench/echo.escript bench/measure.h bench/parts.py \
	bench/report.py bench/rounds.py bench/run.py bench/serve.go \
	bench/servers.py bench/supervised.py bench/udp.py
bench_programs = bench/note bench/echo bench/echo_static bench/load \
	bench/parse bench/start bench/udp
EXTRA_PROGRAMS = $(bench_programs)
# a test counts its instructions
check_PROGRAMS += bench/once
bench_programs_cflags = $(AM_CFLAGS) -pthread -Wno-frame-larger-than
bench_note_SOURCES = bench/note.c
bench_note_LDADD = libproxyproto-core.la
bench_echo_SOURCES = bench/echo.c
bench_echo_CFLAGS = $(bench_programs_cflags)
bench_echo_LDADD = libproxyproto-core.la
bench_echo_static_SOURCES = bench/echo.c
bench_echo_static_CFLAGS = $(bench_programs_cflags)
bench_echo_static_LDFLAGS = -all-static
bench_echo_static_LDADD = libproxyproto-core.la
bench_load_SOURCES = bench/load.c
bench_load_CFLAGS = $(bench_programs_cflags)
bench_load_LDADD = libproxyproto-core.la
bench_once_SOURCES = bench/once.c
bench_once_LDADD = libproxyproto-core.la
bench_parse_SOURCES = bench/parse.c
bench_parse_LDADD = libproxyproto_codec.la
bench_start_SOURCES = bench/start.c
bench_start_CFLAGS = $(bench_programs_cflags)
bench_udp_SOURCES = bench/udp.c
bench_udp_CFLAGS = $(bench_programs_cflags)
bench_udp_LDADD = libproxyproto-protocol.la -ldl
CLEANFILES += $(EXTRA_PROGRAMS)

.PHONY: bench bench-programs
# behind all, not beside it: they are made of the same objects
bench-programs: all
	$(MAKE) $(AM_MAKEFLAGS) $(bench_programs) bench/once

# BENCH has options and names of parts: see bench/run.py --help.
bench: bench-programs
	$(AM_TESTS_ENVIRONMENT) python3 $(srcdir)/bench/run.py $(BENCH)
