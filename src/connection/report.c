/* SPDX-License-Identifier: ISC */
/* One line on stderr; see report.h. */
#include <config.h>

#include "connection/report.h"

#include <errno.h>
#include <pthread.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

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
	write_quietly(line, length);
	pthread_setcancelstate(state, NULL);
	errno = error;
}
