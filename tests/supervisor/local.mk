# SPDX-License-Identifier: ISC

# The supervisor.
noinst_LTLIBRARIES += libproxyproto-supervisor.la
libproxyproto_supervisor_la_CFLAGS = $(AM_CFLAGS) -fvisibility=hidden
libproxyproto_supervisor_la_LIBADD = libproxyproto-core.la
libproxyproto_supervisor_la_SOURCES = \
	src/settings/load.c \
	src/supervisor/accept.c src/supervisor/accept.h \
	src/supervisor/command.c src/supervisor/command.h \
	src/supervisor/filter.c src/supervisor/filter.h \
	src/supervisor/kernel_accept.c src/supervisor/kernel_accept.h \
	src/supervisor/knock.c src/supervisor/knock.h \
	src/supervisor/listeners.c src/supervisor/listeners.h \
	src/supervisor/loop.c src/supervisor/loop.h \
	src/supervisor/memory.c src/supervisor/memory.h \
	src/supervisor/names.c src/supervisor/names.h \
	src/supervisor/notifications.c src/supervisor/notifications.h \
	src/supervisor/pending.c src/supervisor/pending.h \
	src/supervisor/process.c src/supervisor/process.h \
	src/supervisor/rules.c src/supervisor/rules.h \
	src/supervisor/supervise.c src/supervisor/supervise.h \
	src/supervisor/supervisor.c src/supervisor/supervisor.h \
	src/supervisor/waiting.c src/supervisor/waiting.h

# A command of its own until proxyproto(1) is there.
noinst_PROGRAMS = tests/supervisor/supervise
tests_supervisor_supervise_SOURCES = tests/supervisor/supervise.c
tests_supervisor_supervise_LDADD = libproxyproto-supervisor.la
