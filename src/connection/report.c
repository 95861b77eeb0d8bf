/* SPDX-License-Identifier: ISC */
/* Lines on standard error; see report.h. */
#include <config.h>

#include "connection/report.h"

#include "connection/digest.h"
#include "protocol/tlv.h"

#include <errno.h>
#include <pthread.h>
#include <signal.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

static const char server[] = "libproxyproto";

/* So much of a line is left for vectors, whatever the addresses are. */
#define VECTORS_MAX 250

/* What descriptor 2 was, in one word that is always whole. */
#define NOT_KNOWN ((uintptr_t)0)
#define NOTHING ((uintptr_t)1)
static _Atomic uintptr_t remembered;

/* What descriptor 2 is: never NOT_KNOWN. */
static uintptr_t identify(void)
{
	static const uint64_t no_key[2];
	struct stat status;
	uint64_t sum;

	if (fstat(STDERR_FILENO, &status) != 0)
		return NOTHING;
	sum = pp_digest(no_key,
			(uint64_t[]){ status.st_dev, status.st_ino,
				      status.st_rdev, status.st_mode & S_IFMT },
			4);
	return (uintptr_t)sum | 2;
}

void pp_report_begin(void)
{
	int error = errno;

	atomic_store(&remembered, identify());
	errno = error;
}

void pp_report_end(void)
{
	atomic_store(&remembered, NOTHING);
}

void pp_report_before_close(unsigned first, unsigned last)
{
	if (first <= STDERR_FILENO && STDERR_FILENO <= last &&
	    atomic_load(&remembered) == NOT_KNOWN)
		pp_report_end();
}

/* Is descriptor 2 still what it was? */
static bool is_stderr(void)
{
	uintptr_t before = NOT_KNOWN;
	uintptr_t now;

	if (atomic_load(&remembered) == NOTHING)
		return false;
	now = identify();
	return atomic_compare_exchange_strong(&remembered, &before, now) ||
	       before == now;
}

/*
 * Writes with SIGPIPE blocked and takes back the one that the write raised: a
 * log whose reader has gone must not end the process.
 */
static void write_quietly(const char *line, size_t size)
{
	static const struct timespec now; /* zero: do not wait */
	sigset_t pipe_signal, before, pending;

	sigemptyset(&pipe_signal);
	sigaddset(&pipe_signal, SIGPIPE);
	sigpending(&pending);
	pthread_sigmask(SIG_BLOCK, &pipe_signal, &before);
	if (write(STDERR_FILENO, line, size) < 0 && errno == EPIPE &&
	    !sigismember(&pending, SIGPIPE))
		sigtimedwait(&pipe_signal, NULL, &now);
	pthread_sigmask(SIG_SETMASK, &before, NULL);
}

void pp_report(const char *who, const char *format, ...)
{
	int error = errno;
	int state;
	char line[512];
	size_t length;
	va_list arguments;

	snprintf(line, sizeof(line) - 1, "%s: ", who);
	length = strlen(line);
	va_start(arguments, format);
	vsnprintf(line + length, sizeof(line) - 1 - length, format, arguments);
	va_end(arguments);
	length = strlen(line);
	line[length++] = '\n';
	pthread_setcancelstate(PTHREAD_CANCEL_DISABLE, &state);
	if (is_stderr())
		write_quietly(line, length);
	pthread_setcancelstate(state, NULL);
	errno = error;
}

/* This one is a connection: where it has the number, that is no standard error. */
static void spare_connection(int fd)
{
	if (fd == STDERR_FILENO)
		pp_report_end();
}

void pp_report_header(const struct pp_settings *settings, const char *by,
		      int fd, const union pp_address *proxy,
		      const struct pp_header *header, const uint8_t *bytes)
{
	char at[PP_ADDRESS_TEXT], from[PP_ADDRESS_TEXT], to[PP_ADDRESS_TEXT];
	char list[VECTORS_MAX] = "";

	spare_connection(fd);
	if (!settings->debug)
		return;
	if (bytes != NULL)
		pp_tlv_list(bytes + header->tlv_offset, header->tlv_length,
			    list, sizeof(list));
	pp_report(server,
		  "%s: fd %d: v%u %s header of %zu bytes from proxy %s: "
		  "client %s, destination %s%s%s",
		  by, fd, header->version,
		  header->command == PP_COMMAND_LOCAL ? "LOCAL" : "PROXY",
		  header->length, pp_address_text(proxy, at, sizeof(at)),
		  pp_address_text(&header->source, from, sizeof(from)),
		  pp_address_text(&header->destination, to, sizeof(to)),
		  list[0] == '\0' ? "" : ", TLVs ", list);
}

void pp_report_outcome(const struct pp_settings *settings, const char *by,
		       int fd, const union pp_address *proxy,
		       const char *outcome, const char *reason)
{
	char at[PP_ADDRESS_TEXT];

	spare_connection(fd);
	if (!settings->debug)
		return;
	pp_report(server, "%s: fd %d: %s: %s, from %s", by, fd, outcome,
		  reason, pp_address_text(proxy, at, sizeof(at)));
}

void pp_report_settings(const struct pp_settings *settings, const char *by,
			int fd, const union pp_address *local)
{
	char at[PP_ADDRESS_TEXT], list[400];

	spare_connection(fd);
	if (!settings->debug)
		return;
	pp_settings_list(pp_server_settings, settings, list, sizeof(list));
	pp_report(server, "%s: fd %d: %s, version %s, %s %s: %s", by, fd,
		  pp_address_text(local, at, sizeof(at)), PACKAGE_VERSION,
		  settings->has_file ? "settings file" : "no settings file",
		  settings->config, list);
}
