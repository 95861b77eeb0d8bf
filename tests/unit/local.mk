# SPDX-License-Identifier: ISC
# Unit tests: Check against the core, linked statically; no hook in sight.
EXTRA_DIST += tests/unit/no-check

tests_unit_unit_SOURCES = $(api) \
	tests/unit/address.c \
	tests/unit/admission.c \
	tests/unit/api.c \
	tests/unit/api_inverse.c \
	tests/unit/api_tlv.c \
	tests/unit/clients.c \
	tests/unit/datagram.c \
	tests/unit/note.c \
	tests/unit/destinations.c \
	tests/unit/digest.c \
	tests/unit/endpoints.c \
	src/supervisor/filter_program.c \
	tests/unit/filter.c \
	tests/unit/header.c \
	tests/unit/header_format.c \
	tests/unit/header_v1.c \
	tests/unit/header_v1_mutated.c \
	tests/unit/header_v2.c \
	tests/unit/headers.c \
	tests/unit/kept_headers.c \
	tests/unit/bytes.c \
	tests/unit/lists.c \
	tests/unit/report.c \
	tests/unit/networks.c \
	tests/unit/stated.c \
	tests/unit/ports.c \
	tests/unit/receive.c \
	tests/unit/receive_faults.c \
	tests/unit/receive_unix.c \
	tests/unit/reset.c \
	tests/unit/room.c \
	tests/unit/room_faults.c \
	tests/unit/room_lost.c \
	tests/unit/rooms.h \
	tests/unit/send.c \
	tests/unit/settings.c \
	tests/unit/settings_client.c \
	tests/unit/settings_environment.c \
	tests/unit/settings_file.c \
	tests/unit/settings_file_errors.c \
	tests/unit/settings_text.h \
	tests/unit/suites.h \
	tests/unit/support.c tests/unit/support.h \
	tests/unit/tlv.c \
	tests/unit/tlv_text.c \
	tests/unit/unit.c
# -iquote: <check.h> is Check's, not the core's.
tests_unit_unit_CPPFLAGS = -iquote $(srcdir)/src -I$(srcdir)/src/api
tests_unit_unit_CFLAGS = $(AM_CFLAGS) $(CHECK_CFLAGS) -pthread \
	-Wno-frame-larger-than
tests_unit_unit_LDADD = libproxyproto-core.la $(CHECK_LIBS)
# System calls of the core that a test can answer itself: see support.h.
tests_unit_unit_LDFLAGS = -Wl,--wrap=mmap -Wl,--wrap=mmap64 \
	-Wl,--wrap=munmap -Wl,--wrap=poll -Wl,--wrap=recv -Wl,--wrap=getauxval

if HAVE_CHECK
check_PROGRAMS += tests/unit/unit
TESTS += tests/unit/unit
else
TESTS += tests/unit/no-check
endif

# Which folder of the sources may include which.
TESTS += tests/unit/layers.py
EXTRA_DIST += tests/unit/layers.py
