# SPDX-License-Identifier: ISC
# What libFuzzer feeds, built and run by `./dev fuzz`: it takes clang and
# CFLAGS=-fsanitize=fuzzer-no-link,address,undefined. Each has its corpus.
fuzz_programs = tests/fuzz/parse tests/fuzz/settings tests/fuzz/tlv \
	tests/fuzz/datagram
EXTRA_PROGRAMS += $(fuzz_programs)
tests_fuzz_parse_SOURCES = $(api) tests/fuzz/parse.c
tests_fuzz_parse_LDADD = libproxyproto-protocol.la
tests_fuzz_parse_LDFLAGS = -fsanitize=fuzzer
tests_fuzz_settings_SOURCES = tests/fuzz/settings.c
tests_fuzz_settings_LDADD = libproxyproto-core.la
tests_fuzz_settings_LDFLAGS = -fsanitize=fuzzer
tests_fuzz_tlv_SOURCES = $(api) tests/fuzz/tlv.c
tests_fuzz_tlv_LDADD = libproxyproto-protocol.la
tests_fuzz_tlv_LDFLAGS = -fsanitize=fuzzer
tests_fuzz_datagram_SOURCES = tests/fuzz/datagram.c
tests_fuzz_datagram_LDADD = libproxyproto-core.la
tests_fuzz_datagram_LDFLAGS = -fsanitize=fuzzer
EXTRA_DIST += tests/fuzz/corpus

.PHONY: fuzz-programs
fuzz-programs: $(fuzz_programs)
