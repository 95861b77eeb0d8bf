/* SPDX-License-Identifier: ISC */
/*
 * Headers of clients; see connect.h. As in a process itself (preload/client)
 * the kernel is given the header together with the order to connect (Fast Open,
 * without a cookie), and the program's own call goes on with that.
 */
#include <config.h>

#include "supervisor/connect.h"

#include "connection/fast_open.h"
#include "connection/report.h"
#include "connection/send.h"
#include "supervisor/memory.h"
#include "supervisor/notifications.h"
#include "supervisor/tracee.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/random.h>
#include <sys/socket.h>
#include <unistd.h>

/* One connection, and its header. */
struct outgoing {
	const struct pp_call *call;
	const struct pp_settings *settings;
	int fd;
	union pp_address to;
	struct sockaddr_storage address;	/* as the program has it */
	struct pp_stated stated;
	uint8_t *bytes;
	size_t length, taken;
};

/* Which address of a network is next: one behind the other, from somewhere. */
static uint64_t next_place(void)
{
	static uint64_t place;

	if (place == 0)
		getrandom(&place, sizeof(place), GRND_NONBLOCK);
	return place++;
}

static struct pp_send_way way_of(const struct pp_settings *settings)
{
	return (struct pp_send_way){ .sendto = sendto,
				     .poll = poll,
				     .split = settings->split,
				     .delay = settings->delay };
}

/*
 * Reads where to connect. False where that is no internet address: the kernel
 * has something to say to it, or dissolves the connection (AF_UNSPEC).
 */
static bool read_address(struct outgoing *outgoing)
{
	uint64_t length = outgoing->call->arguments[2];

	if (length < sizeof(struct sockaddr_in) ||
	    length > sizeof(outgoing->address) ||
	    !pp_memory_read(outgoing->call->tid, outgoing->call->arguments[1],
			    &outgoing->address, (size_t)length))
		return false;
	/* one of IPv6 may be short of its scope */
	pp_address_from_kernel(&outgoing->to,
			       (const struct sockaddr *)&outgoing->address,
			       sizeof(outgoing->address));
	return outgoing->to.sa.sa_family != AF_UNSPEC;
}

/*
 * May the socket begin a TCP connection? The kernel allows this option as long
 * as it is closed, and not while a connection is being made or stands.
 */
static bool is_closed_tcp(int fd)
{
	int on = 1;

	return setsockopt(fd, IPPROTO_TCP, TCP_FASTOPEN_NO_COOKIE, &on,
			  sizeof(on)) == 0;
}

/* Is the connection one that gets a header? Then *outgoing says where to. */
static bool is_wanted(struct outgoing *outgoing)
{
	const struct pp_bytes *wanted = &outgoing->settings->to;
	union pp_address own = { .sa.sa_family = AF_UNSPEC };
	socklen_t length = sizeof(own);

	if (outgoing->settings->send_version == 0 || !read_address(outgoing))
		return false;
	if (pp_outgoing_is_to_nobody(&outgoing->to))
		getsockname(outgoing->fd, &own.sa, &length);
	pp_outgoing_find_destination(&outgoing->to, &own);
	return wanted->at == NULL || pp_endpoints_have(wanted, &outgoing->to);
}

static void report_sent(const struct outgoing *outgoing, int error)
{
	if (outgoing->settings->debug)
		pp_report_sent("libproxyproto_connect", outgoing->settings,
			       "connect",
			       (int)outgoing->call->arguments[0],
			       outgoing->length, &outgoing->stated, error);
}

/* The program's own Fast Open does not wait. */
static bool is_deferred(int fd)
{
	int deferred = 0;
	socklen_t size = sizeof(deferred);

	getsockopt(fd, IPPROTO_TCP, TCP_FASTOPEN_CONNECT, &deferred, &size);
	return deferred != 0;
}

/*
 * Makes the connection and sends the rest of the header behind it, whatever
 * time that takes: in a process of its own, which answers.
 */
static void connect_slowly(struct outgoing *outgoing)
{
	const struct pp_send_way way = way_of(outgoing->settings);
	const pid_t supervisor = getpid();
	int result = 0, error = 0;

	switch (fork()) {
	case -1:
		pp_answer(outgoing->call, -errno);
		return;
	case 0:
		/* of all that the header is for, nothing is left then */
		prctl(PR_SET_PDEATHSIG, SIGKILL);
		if (getppid() != supervisor)
			_exit(0);
		break;
	default:
		return;
	}
	if (connect(outgoing->fd, (const struct sockaddr *)&outgoing->address,
		    (socklen_t)outgoing->call->arguments[2]) != 0)
		/* it may be under way by our own call */
		result = errno == EALREADY ? -EINPROGRESS : -errno;
	if (result == 0 || result == -EINPROGRESS) {
		error = pp_send_rest(outgoing->fd, &way, outgoing->bytes,
				     outgoing->length, outgoing->taken);
		report_sent(outgoing, error);
	}
	pp_answer(outgoing->call, result);
	_exit(0);
}

/* Has the kernel go on with a connection whose header it has. */
static void answer_begun(const struct outgoing *outgoing)
{
	report_sent(outgoing, 0);
	if (is_deferred(outgoing->fd))
		pp_answer(outgoing->call, 0);
	else if (fcntl(outgoing->fd, F_GETFL, 0) & O_NONBLOCK)
		pp_answer(outgoing->call, -EINPROGRESS);
	else
		/* it waits, times out and is restarted as without us */
		pp_answer_continue(outgoing->call);
}

static void begin_connection(struct outgoing *outgoing)
{
	const struct pp_settings *settings = outgoing->settings;
	const struct pp_send_way way = way_of(settings);
	size_t size = pp_outgoing_size(settings);
	ssize_t taken;

	outgoing->bytes = malloc(size);
	if (outgoing->bytes == NULL) {
		pp_answer(outgoing->call, -ENOMEM);
		return;
	}
	outgoing->length = pp_outgoing_format(
		settings, settings->source_count == 1 ? 0 : next_place(),
		&outgoing->to, outgoing->bytes, size, &outgoing->stated);
	taken = pp_send_begin(outgoing->fd, &way, outgoing->bytes,
			      outgoing->length,
			      (const struct sockaddr *)&outgoing->address,
			      (socklen_t)outgoing->call->arguments[2]);
	if (taken < 0 && taken != -EOPNOTSUPP) {
		pp_answer(outgoing->call, (int)taken);
	} else {
		outgoing->taken = taken < 0 ? 0 : (size_t)taken;
		if (taken >= 0 && outgoing->taken == outgoing->length)
			answer_begun(outgoing);
		else
			connect_slowly(outgoing);
	}
	free(outgoing->bytes);
}

void pp_connect(const struct pp_call *call)
{
	struct outgoing outgoing = { .call = call };
	struct pp_tracee *process;
	struct pp_rules *rules;
	int error;

	outgoing.fd = pp_tracee_fetch(call->tid, &process,
				      (int)call->arguments[0]);
	/* of a call that is over it may be another process's */
	if (outgoing.fd < 0 || !pp_call_is_valid(call) ||
	    !is_closed_tcp(outgoing.fd)) {
		pp_answer_continue(call);
	} else {
		rules = pp_tracee_rules(process, NULL);
		error = pp_rules_refuse(rules);
		if (error != 0) {
			pp_answer(call, error);
		} else {
			outgoing.settings = &rules->settings;
			if (is_wanted(&outgoing))
				begin_connection(&outgoing);
			else
				pp_answer_continue(call);
		}
	}
	if (outgoing.fd >= 0)
		close(outgoing.fd);
}
