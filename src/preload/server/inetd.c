/* SPDX-License-Identifier: ISC */
/* A connection that the program was started with; see inetd.h. */
#include <config.h>

#include "preload/server/inetd.h"

#include "connection/admission.h"
#include "connection/note.h"
#include "connection/receive.h"
#include "connection/report.h"
#include "connection/room.h"
#include "preload/configuration.h"
#include "preload/real.h"
#include "preload/server/fork.h"
#include "preload/server/names.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

/* The first of those that systemd hands over: sd_listen_fds(3). */
#define LISTEN_FDS_START 3

#define DRAIN (1 << 20)

#define INETD PP_SETTINGS_PREFIX "INETD"

static const char by[] = "inetd";

/* The connection, and whom the kernel names as its peer. */
struct start {
	int fd;
	union pp_address proxy;
};

static bool peer_of(int fd, union pp_address *peer)
{
	struct pp_kernel_name name = { .length = sizeof(name.storage) };

	if (real_getpeername(fd, &name.sa, &name.length) != 0)
		return false;
	pp_address_from_kernel(peer, &name.sa, name.length);
	return pp_family_is_internet(peer->sa.sa_family);
}

static bool is_same(int fd, const struct start *start)
{
	union pp_address peer;

	return fd != start->fd && peer_of(fd, &peer) &&
	       pp_address_equal(&peer, &start->proxy);
}

/* For programs that are executed with it later. */
static void leave_note(const struct start *start,
		       const struct pp_header *header)
{
	struct pp_peer peer = { .kernel = start->proxy };

	if (header != NULL) {
		peer.source = header->source;
		peer.destination = header->destination;
	}
	pp_note_write(start->fd, &peer);
}

/*
 * The program reads end of file. What has arrived would still be there to be
 * read after shutdown(2).
 */
static void drop(const struct start *start, const char *reason)
{
	pp_report_outcome(pp_configuration(), by, start->fd, &start->proxy,
			  "dropped", reason);
	shutdown(start->fd, SHUT_RDWR);
	while (recv(start->fd, NULL, DRAIN, MSG_TRUNC | MSG_DONTWAIT) > 0)
		;
	leave_note(start, NULL);
}

static void decide_bare(const struct start *start, const char *reason)
{
	if (pp_configuration()->must_use) {
		drop(start, reason);
		return;
	}
	pp_report_outcome(pp_configuration(), by, start->fd, &start->proxy,
			  "handed over", reason);
	leave_note(start, NULL);
}

/* Remembers the client for every descriptor that is this connection. */
static void take_over(const struct start *start,
		      const struct pp_header *header, const uint8_t *bytes)
{
	pp_fork_prepare();
	pp_identity_prepare();
	pp_identity_set(start->fd, &start->proxy, header, bytes);
	for (int fd = 0; fd <= LISTEN_FDS_START; fd++)
		if (is_same(fd, start))
			pp_identity_set(fd, &start->proxy, header, bytes);
	pp_report_header(pp_configuration(), by, start->fd, &start->proxy,
			 header);
	leave_note(start, header);
}

/*
 * Waits for so many bytes. False where no more will come: the peer has ended,
 * or it is too late.
 */
static bool wait_for(int fd, size_t bytes, int64_t deadline)
{
	struct pollfd here = { .fd = fd, .events = POLLIN | POLLRDHUP };
	int low = (int)bytes, before = 1, ready;
	socklen_t length = sizeof(before);
	int64_t left;

	getsockopt(fd, SOL_SOCKET, SO_RCVLOWAT, &before, &length);
	setsockopt(fd, SOL_SOCKET, SO_RCVLOWAT, &low, sizeof(low));
	do {
		left = deadline - pp_now();
		ready = left > 0 ? real_poll(&here, 1, (int)left) : 0;
	} while (ready < 0 && errno == EINTR);
	setsockopt(fd, SOL_SOCKET, SO_RCVLOWAT, &before, sizeof(before));
	return ready > 0 && here.revents == POLLIN;
}

static void take_header(const struct start *start)
{
	const struct pp_settings *settings = pp_configuration();
	int64_t deadline = pp_now() + settings->timeout;
	uint8_t peeked[PP_RECEIVE_PEEK];
	struct pp_receive receive;
	enum pp_received received;
	bool last = false;

	pp_receive_start(&receive, start->fd, settings->versions);
	while ((received = pp_receive_step(&receive, last, peeked)) ==
	       PP_RECEIVED_MORE) {
		last = !wait_for(start->fd, receive.header.length, deadline);
		receive.is_overdue = last && pp_now() >= deadline;
	}
	if (received == PP_RECEIVED_HEADER)
		take_over(start, &receive.header,
			  pp_receive_bytes(&receive, peeked));
	else if (received == PP_RECEIVED_MALFORMED)
		drop(start, receive.header.reason);
	else
		decide_bare(start, pp_receive_reason(&receive));
	pp_receive_end(&receive);
}

static bool find_connection(int fd, struct start *start)
{
	start->fd = fd;
	return pp_is_tcp_socket(fd) && peer_of(fd, &start->proxy);
}

/* What is wrong with them is told, but not to the client. */
static bool settings_allow(const struct start *start)
{
	if (!is_same(STDERR_FILENO, start))
		return pp_configuration_allows(start->fd);
	pp_report_end();
	return pp_configuration_is_valid();
}

static void examine(const struct start *start)
{
	struct pp_peer peer;

	/* before an exec */
	if (pp_note_read(start->fd, &start->proxy, &peer))
		return;
	if (!settings_allow(start)) {
		drop(start, "a setting is bad");
		return;
	}
	if (!pp_is_on())
		return;
	switch (pp_policy(pp_configuration(), start->fd, &start->proxy)) {
	case PP_POLICY_UNTRUSTED:
		decide_bare(start, "not trusted");
		break;
	case PP_POLICY_OTHER_PORT:
		break;
	default:
		take_header(start);
	}
}

/* Does systemd hand descriptors over to this very process? */
static bool has_listen_fds(void)
{
	const char *pid = getenv("LISTEN_PID");
	const char *count = getenv("LISTEN_FDS");

	return pid != NULL && count != NULL && atol(pid) == getpid() &&
	       atoi(count) > 0;
}

/* A value that is not valid asks, too: for a complaint, and no connection. */
static bool is_asked_for(void)
{
	const char *value = secure_getenv(INETD);
	bool on;

	return value != NULL && (pp_configuration()->inetd ||
				 !pp_settings_boolean(value, &on));
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
	if (has_listened &&
	    !(has_input && pp_address_equal(&input.proxy, &listened.proxy)))
		examine(&listened);
	if (has_input || has_listened)
		ask_no_more();
}

void pp_inetd_start(void)
{
	int error = errno;

	if (is_asked_for())
		examine_all();
	errno = error;
}
