/* SPDX-License-Identifier: ISC */
/* A connection that the program was started with; see accept.h. */
#include <config.h>

#include "preload/server/accept.h"

#include "connection/admission.h"
#include "connection/calls.h"
#include "connection/clock.h"
#include "connection/names.h"
#include "connection/report.h"
#include "connection/socket_kind.h"
#include "preload/configuration.h"

#include <errno.h>
#include <limits.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

/* The first of those that systemd hands over: sd_listen_fds(3). */
#define LISTEN_FDS_START 3

#define INETD PP_SETTINGS_PREFIX "INETD"

static const char by[] = "inetd";

/* The connection, and whom the kernel names as its peer. */
struct start {
	int fd;
	union pp_address proxy;
};

/* Programs that are executed with it later look no more. */
static void note_examined(const struct start *start)
{
	const struct pp_note note = { .kind = PP_NOTE_EXAMINED };

	pp_note_write(start->fd, &start->proxy, &note);
}

/*
 * The program reads end of file. What has arrived would still be there to be
 * read after shutdown(2).
 */
static void refuse_connection(const struct start *start, const char *reason)
{
	char bytes[512];

	pp_report_outcome(pp_configuration(), by, start->fd, &start->proxy,
			  "dropped", reason);
	shutdown(start->fd, SHUT_RDWR);
	while (pp_calls.recv(start->fd, bytes, sizeof(bytes), MSG_DONTWAIT) > 0)
		;
	note_examined(start);
}

/* Judges the connection, and waits for its header where it must. */
static void look_at(const struct start *start)
{
	const struct pp_settings *settings = pp_configuration();
	int64_t deadline = pp_now_ms() + settings->timeout;
	uint8_t peeked[PP_RECEIVE_PEEK];
	struct pp_decision decision;
	struct pp_receive receive;
	bool last;

	decision = pp_admission_judge(settings, &start->proxy, start->fd,
				      &receive, peeked);
	while (decision.admission == PP_ADMIT_WAIT) {
		receive.is_overdue =
			!pp_receive_wait(&receive, deadline, &last);
		decision = pp_admission_judge_received(
			settings, &receive,
			pp_receive_try(&receive, last, peeked));
	}
	if (decision.admission == PP_ADMIT_HEADER) {
		pp_remember_header(by, start->fd, &start->proxy, &receive,
				   peeked);
	} else if (decision.admission == PP_ADMIT_BARE) {
		pp_report_outcome(settings, by, start->fd, &start->proxy,
				  "handed over", decision.reason);
		note_examined(start);
	} else if (decision.admission == PP_ADMIT_REFUSED) {
		refuse_connection(start, decision.reason);
	}
	pp_receive_free(&receive);
}

static bool find_connection(int fd, struct start *start)
{
	start->fd = fd;
	return (pp_is_unix_stream(fd) || pp_is_tcp_socket(fd)) &&
	       pp_kernel_peer(fd, &start->proxy) &&
	       (pp_family_is_internet(start->proxy.sa.sa_family) ||
		start->proxy.sa.sa_family == AF_UNIX);
}

/* Has the descriptor the same connection? */
static bool is_same(const struct start *start, int fd)
{
	return pp_cookie_of(fd) == pp_cookie_of(start->fd);
}

/* What is wrong with them is told, but not to the client. */
static bool settings_allow(const struct start *start)
{
	if (!is_same(start, STDERR_FILENO))
		return pp_configuration_require_valid(start->fd);
	pp_report_end();
	return pp_configuration_is_valid();
}

static void examine(const struct start *start)
{
	struct pp_note_bytes bytes;
	struct pp_note note;

	/* it was looked at before an exec */
	if (pp_note_fetch(start->fd, &bytes) &&
	    pp_note_parse(&bytes, &start->proxy, &note))
		return;
	if (!settings_allow(start))
		refuse_connection(start, "a setting is bad");
	else if (pp_is_on())
		look_at(start);
}

/* Does systemd hand descriptors over to this very process? */
static bool has_listen_fds(void)
{
	const char *pid = secure_getenv("LISTEN_PID");
	const char *count = secure_getenv("LISTEN_FDS");
	unsigned number, process;

	return pid != NULL && count != NULL &&
	       pp_number(pid, strlen(pid), INT_MAX, &process) &&
	       pp_number(count, strlen(count), INT_MAX, &number) &&
	       process == (unsigned)getpid() && number > 0;
}

/*
 * Programs that are executed later are not asked. bash has an unsetenv(3) of
 * its own, which does not do before main.
 */
static void ask_no_more(void)
{
	char **to = environ;

	for (char **from = environ; *from != NULL; from++)
		if (strncmp(*from, INETD "=", sizeof(INETD)) != 0)
			*to++ = *from;
	*to = NULL;
}

/*
 * systemd gives one connection as both descriptors where it is to be standard
 * input, too: what follows its header is not another one. Nor is what a program
 * that is executed later finds on its descriptors, a connection of its own
 * perhaps.
 */
static void examine_all(void)
{
	struct start input, listened;
	bool has_input = find_connection(STDIN_FILENO, &input);
	bool has_listened = has_listen_fds() &&
			    find_connection(LISTEN_FDS_START, &listened);

	if (has_input)
		examine(&input);
	if (has_listened && !(has_input && is_same(&input, listened.fd)))
		examine(&listened);
	if (has_input || has_listened)
		ask_no_more();
}

void pp_inetd_start(void)
{
	const char *value = secure_getenv(INETD);
	int error = errno;
	bool on;

	/* one that is not valid asks for a complaint, and no connection */
	if (value != NULL && (pp_configuration()->inetd ||
			      !pp_settings_boolean(value, &on)))
		examine_all();
	errno = error;
}
