# SPDX-License-Identifier: ISC

# The server library. These tests ask getpeername, too.
check_PROGRAMS += tests/preload/calls
tests_preload_calls_SOURCES = tests/preload/calls.c tests/preload/passing.h
tests_preload_calls_CFLAGS = $(AM_CFLAGS) -pthread -Wno-frame-larger-than
check_PROGRAMS += tests/preload/threads
tests_preload_threads_SOURCES = tests/preload/threads.c
tests_preload_threads_CFLAGS = $(AM_CFLAGS) -pthread
check_PROGRAMS += tests/preload/disturbed
tests_preload_disturbed_SOURCES = tests/preload/disturbed.c
tests_preload_disturbed_CFLAGS = $(AM_CFLAGS) -pthread
EXTRA_DIST += tests/fixture/calls.py
EXTRA_DIST += tests/preload/accept.py
EXTRA_DIST += tests/preload/addresses.py
EXTRA_DIST += tests/preload/descriptors.py
check_PROGRAMS += tests/preload/headers_race
tests_preload_headers_race_SOURCES = tests/preload/headers_race.c
tests_preload_headers_race_CFLAGS = $(AM_CFLAGS) -pthread \
	-Wno-frame-larger-than
EXTRA_DIST += tests/preload/get_header.py
EXTRA_DIST += tests/preload/duplicates.py
EXTRA_DIST += tests/preload/headers.py
EXTRA_DIST += tests/preload/interrupted.py
EXTRA_DIST += tests/preload/loading.py
EXTRA_DIST += tests/preload/names.py tests/preload/shown.py
EXTRA_DIST += tests/preload/other_sockets.py
EXTRA_DIST += tests/preload/threads.py
EXTRA_DIST += tests/preload/waiting.py
if GETPEERNAME_CACHE
TESTS += tests/preload/accept.py
TESTS += tests/preload/addresses.py
TESTS += tests/preload/descriptors.py
TESTS += tests/preload/get_header.py
TESTS += tests/preload/duplicates.py
TESTS += tests/preload/headers.py
TESTS += tests/preload/interrupted.py
TESTS += tests/preload/loading.py
TESTS += tests/preload/names.py tests/preload/shown.py
TESTS += tests/preload/other_sockets.py
TESTS += tests/preload/threads.py
TESTS += tests/preload/waiting.py
endif

# What names.py asks of a connection that was reset.
check_PROGRAMS += tests/preload/reset
tests_preload_reset_SOURCES = tests/preload/reset.c
tests_preload_reset_LDADD = libproxyproto-core.la

# Handing a connection to another program.
check_PROGRAMS += tests/preload/handover
tests_preload_handover_SOURCES = tests/preload/handover.c
tests_preload_handover_CFLAGS = $(AM_CFLAGS) -pthread -Wno-frame-larger-than
EXTRA_DIST += tests/fixture/allowed.py \
	tests/preload/carry.py tests/preload/inetd.py
if GETPEERNAME_CACHE
TESTS += tests/preload/carry.py tests/preload/inetd.py
endif

# Libraries that are preloaded together with it.
check_LTLIBRARIES =
check_LTLIBRARIES += tests/preload/constructor.la
tests_preload_constructor_la_SOURCES = tests/preload/constructor.c
tests_preload_constructor_la_LDFLAGS = -module -avoid-version -rpath /nowhere
check_PROGRAMS += tests/preload/loader
tests_preload_loader_SOURCES = tests/preload/loader.c
tests_preload_loader_CFLAGS = $(AM_CFLAGS) -pthread
tests_preload_loader_LDADD = -ldl
check_LTLIBRARIES += tests/preload/slow.la
tests_preload_slow_la_SOURCES = tests/preload/slow.c
tests_preload_slow_la_LDFLAGS = -module -avoid-version -rpath /nowhere
check_LTLIBRARIES += tests/preload/linker.la
tests_preload_linker_la_SOURCES = tests/preload/linker.c
tests_preload_linker_la_LDFLAGS = -module -avoid-version -rpath /nowhere
check_LTLIBRARIES += tests/preload/cancel.la
tests_preload_cancel_la_SOURCES = tests/preload/cancel.c
tests_preload_cancel_la_LDFLAGS = -module -avoid-version -rpath /nowhere
check_LTLIBRARIES += tests/preload/killed.la
tests_preload_killed_la_SOURCES = tests/preload/killed.c
tests_preload_killed_la_LDFLAGS = -module -avoid-version -rpath /nowhere
check_LTLIBRARIES += tests/preload/behind.la
tests_preload_behind_la_SOURCES = tests/preload/behind.c
tests_preload_behind_la_LDFLAGS = -module -avoid-version -rpath /nowhere
check_PROGRAMS += tests/preload/closing
tests_preload_closing_SOURCES = tests/preload/closing.c tests/preload/closing.h
tests_preload_closing_CFLAGS = $(AM_CFLAGS) -pthread
tests_preload_closing_LDFLAGS = -Wl,--export-dynamic-symbol=behind_accept
check_PROGRAMS += tests/preload/registered
tests_preload_registered_SOURCES = tests/preload/registered.c \
	tests/preload/closing.h
EXTRA_DIST += tests/preload/closing.py
if GETPEERNAME_CACHE
TESTS += tests/preload/closing.py
endif
check_PROGRAMS += tests/preload/beside
tests_preload_beside_SOURCES = tests/preload/beside.c tests/preload/closing.h
tests_preload_beside_CFLAGS = $(AM_CFLAGS) -pthread
check_PROGRAMS += tests/preload/duplicated
tests_preload_duplicated_SOURCES = tests/preload/duplicated.c tests/preload/closing.h
TESTS += tests/preload/hidden.py
EXTRA_DIST += tests/preload/hidden.py
check_PROGRAMS += tests/preload/shapes
tests_preload_shapes_SOURCES = tests/preload/shapes.c \
	tests/preload/uring.c tests/preload/uring.h
tests_preload_shapes_CFLAGS = $(AM_CFLAGS) -pthread
TESTS += tests/preload/no_memory.py
EXTRA_DIST += tests/preload/no_memory.py
# What _FORTIFY_SOURCE makes of functions.
TESTS += tests/preload/overflow.py
EXTRA_DIST += tests/preload/overflow.py
TESTS += tests/preload/stalled.py
EXTRA_DIST += tests/preload/stalled.py
check_PROGRAMS += tests/preload/readiness
tests_preload_readiness_SOURCES = tests/preload/readiness.c
tests_preload_readiness_CFLAGS = $(AM_CFLAGS) -pthread
TESTS += tests/preload/readiness.py
EXTRA_DIST += tests/preload/readiness.py

# Libraries that are opened with RTLD_DEEPBIND.
EXTRA_DIST += tests/preload/deepbind.py
if DLOPEN
check_PROGRAMS += tests/preload/opener
tests_preload_opener_SOURCES = tests/preload/opener.c tests/preload/extension.h
tests_preload_opener_LDADD = -ldl
check_LTLIBRARIES += tests/preload/extension.la
tests_preload_extension_la_SOURCES = tests/preload/extension.c \
	tests/preload/extension.h
tests_preload_extension_la_LDFLAGS = -module -avoid-version -rpath /nowhere \
	-Wl,--enable-new-dtags -Wl,-rpath,'$$ORIGIN'
tests_preload_extension_la_LIBADD = -ldl
TESTS += tests/preload/deepbind.py
endif

# What accept does with a connection that it cannot hand over.
check_PROGRAMS += tests/preload/accept_ways
tests_preload_accept_ways_SOURCES = tests/preload/accept_ways.c
EXTRA_DIST += tests/preload/accept_ways.py
if GETPEERNAME_CACHE
TESTS += tests/preload/accept_ways.py
endif

# The same on Unix sockets, and all else of them.
EXTRA_DIST += tests/preload/unix.py
if GETPEERNAME_CACHE
TESTS += tests/preload/unix.py
endif

# A server that confines itself.
check_PROGRAMS += tests/preload/sandboxed
tests_preload_sandboxed_SOURCES = tests/preload/sandboxed.c
tests_preload_sandboxed_CFLAGS = $(AM_CFLAGS) -pthread
EXTRA_DIST += tests/preload/sandboxed.py
if GETPEERNAME_CACHE
TESTS += tests/preload/sandboxed.py
endif

# Who is who, under churn.
check_PROGRAMS += tests/preload/identity
tests_preload_identity_SOURCES = tests/preload/identity.c
tests_preload_identity_CFLAGS = $(AM_CFLAGS) -pthread
EXTRA_DIST += tests/preload/identity.py
if GETPEERNAME_CACHE
TESTS += tests/preload/identity.py
endif

# What the build made, what it costs, and the client library.
check_LTLIBRARIES += tests/preload/rough.la
tests_preload_rough_la_SOURCES = tests/preload/rough.c
tests_preload_rough_la_LDFLAGS = -module -avoid-version -rpath /nowhere
EXTRA_DIST += tests/fixture/callgrind.py
EXTRA_DIST += tests/fixture/client.py
EXTRA_DIST += tests/preload/client.py
EXTRA_DIST += tests/preload/debug.py
EXTRA_DIST += tests/preload/instructions.py
EXTRA_DIST += tests/preload/settings.py
EXTRA_DIST += tests/preload/symbols.py
EXTRA_DIST += tests/preload/syscalls.py
EXTRA_DIST += tests/preload/variants.py
TESTS += tests/preload/symbols.py
TESTS += tests/preload/variants.py
if GETPEERNAME_CACHE
TESTS += tests/preload/syscalls.py
TESTS += tests/preload/instructions.py
TESTS += tests/preload/client.py
TESTS += tests/preload/debug.py
TESTS += tests/preload/settings.py
endif
TESTS += tests/preload/fast_open.py
EXTRA_DIST += tests/preload/fast_open.py

# Whose header is believed, and where the settings come from.
check_PROGRAMS += tests/preload/linked_calls tests/preload/rush
tests_preload_linked_calls_SOURCES = $(tests_preload_calls_SOURCES)
tests_preload_linked_calls_CFLAGS = $(tests_preload_calls_CFLAGS)
tests_preload_linked_calls_LDFLAGS = -no-install
tests_preload_linked_calls_LDADD = libproxyproto.la
tests_preload_rush_SOURCES = tests/preload/rush.c
tests_preload_rush_CFLAGS = $(AM_CFLAGS) -pthread
EXTRA_DIST += tests/fixture/namespaces.py tests/fixture/trace.py
EXTRA_DIST += tests/preload/ports.py
EXTRA_DIST += tests/fixture/settings_file.py
EXTRA_DIST += tests/preload/settings_file.py
EXTRA_DIST += tests/preload/settings_file_default.py
EXTRA_DIST += tests/preload/settings_file_read.py
EXTRA_DIST += tests/preload/trust.py
TESTS += tests/preload/settings_file.py
TESTS += tests/preload/settings_file_default.py
TESTS += tests/preload/settings_file_read.py
if GETPEERNAME_CACHE
TESTS += tests/preload/ports.py
TESTS += tests/preload/trust.py
endif

# The client library: what it says, and what stays as it is.
EXTRA_DIST += tests/preload/client_header.py tests/preload/client_to.py
TESTS += tests/preload/client_header.py tests/preload/client_to.py
check_PROGRAMS += tests/preload/connecting
tests_preload_connecting_SOURCES = tests/preload/connecting.c \
	tests/preload/connecting.h tests/preload/connecting_shared.c
tests_preload_connecting_CFLAGS = $(AM_CFLAGS) -pthread
EXTRA_DIST += tests/preload/client_compared.py tests/preload/client_udp.py
TESTS += tests/preload/client_compared.py tests/preload/client_udp.py
