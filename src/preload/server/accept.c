/* SPDX-License-Identifier: ISC */
/*
 * The hooks of accept, and what they do in the order in which a connection comes
 * by: accept it from the kernel (wait.c), judge it (connection/admission.c), which
 * takes its header off (connection/receive.c), and leave a note of its client on
 * the socket (connection/note.c). What becomes of one that is not handed over is
 * in turned_away.c.
 */
#include <config.h>

#include "preload/server/accept.h"

#include "connection/admission.h"
#include "connection/note.h"
#include "connection/patience.h"
#include "connection/report.h"
#include "preload/configuration.h"
#include "preload/real.h"
#include "preload/server/poll.h"
#include "preload/server/rooms.h"
#include "preload/server/turned_away.h"
#include "protocol/address.h"

#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <stdatomic.h>
#include <unistd.h>

static void count_header(struct pp_listener *listener, bool in_time)
{
	/* one that another thread adds meanwhile may be lost */
	atomic_store(&listener->patience,
		     pp_patience_count(atomic_load(&listener->patience),
				       in_time));
}

static bool is_patient(const struct pp_listener *listener)
{
	return pp_patience_pays(atomic_load(&listener->patience));
}

/*
 * Does the kernel wait for the first bytes? On a Unix socket it does not, and
 * the proxy may be connected before it has sent any.
 */
static bool is_deferred(const struct pp_settings *settings,
			const struct pp_listener *listener)
{
	return !atomic_load(&listener->is_unix) &&
	       pp_admission_is_deferred(settings);
}

/* Waits for the rest of a header, where that has been paying off. */
static enum pp_received wait_for_header(struct pp_listener *listener,
					struct pp_receive *receive,
					uint8_t *peeked)
{
	const struct pp_settings *settings = pp_configuration();
	enum pp_received received = PP_RECEIVED_MORE;
	int64_t deadline;
	bool last;

	if (is_deferred(settings, listener) || !is_patient(listener))
		return received;
	deadline = pp_now_ms() + PP_PATIENCE;
	while (received == PP_RECEIVED_MORE &&
	       pp_receive_wait(receive, deadline, &last))
		received = pp_receive_try(receive, last, peeked);
	count_header(listener, received != PP_RECEIVED_MORE);
	return received;
}

void pp_remember_header(const char *by, int fd, const union pp_address *kernel,
			const struct pp_receive *receive, const uint8_t *peeked)
{
	const struct pp_settings *settings = pp_configuration();
	const struct pp_header *header = &receive->header;

	pp_report_header(settings, by, fd, kernel, header,
			 pp_receive_bytes(receive, peeked));
	/* by which it is found again, too */
	if (pp_note_write_header(fd, kernel, header))
		pp_headers_keep(fd, kernel, header,
				pp_receive_bytes(receive, peeked));
	else
		pp_report_outcome(settings, by, fd, kernel, "not remembered",
				  "its socket takes no note");
}

void pp_arrival_set_proxy(struct pp_arrival *arrival,
			  const union pp_address *proxy)
{
	arrival->proxy = *proxy;
	arrival->name.length = pp_address_length(proxy);
	arrival->name.address = *proxy;
	/* one without a name, unless the caller knows better */
	if (proxy->sa.sa_family == AF_UNIX)
		arrival->name.length = sizeof(proxy->sa.sa_family);
}

void pp_arrival_outcome(const struct pp_arrival *arrival, const char *outcome,
			const char *reason)
{
	pp_report_outcome(pp_configuration(), "accept", arrival->fd,
			  &arrival->proxy, outcome, reason);
}

/*
 * Does what was decided of a connection. Ends *receive, or the room has it.
 * peeked is where its header is, if that has no memory of its own.
 */
static enum pp_accepted carry_out(struct pp_arrival *arrival,
				  struct pp_decision decision,
				  struct pp_receive *receive,
				  const uint8_t *peeked)
{
	const struct pp_accept_call *call = arrival->call;
	enum pp_accepted accepted = PP_ACCEPTED;

	switch (decision.admission) {
	case PP_ADMIT_WAIT:
		/* the room's from now on */
		return pp_accept_waits(arrival, receive, decision.reason);
	case PP_ADMIT_REFUSED:
		accepted = pp_accept_refused(arrival, decision.reason);
		break;
	case PP_ADMIT_BARE:
		pp_arrival_outcome(arrival, "handed over", decision.reason);
		break;
	case PP_ADMIT_HEADER:
		pp_remember_header("accept", arrival->fd, &arrival->proxy,
				   receive, peeked);
		pp_name_show(&arrival->name, &receive->header.source,
			     call->address == NULL ? NULL : call->length);
		break;
	case PP_ADMIT_OTHER_PORT:
		break;
	}
	pp_receive_free(receive);
	return accepted;
}

/* Has the listener a record, as one that has such connections? */
static bool has_record(const struct pp_arrival *arrival)
{
	return arrival->listener != NULL &&
	       atomic_load(&arrival->listener->is_unix) ==
		       (arrival->proxy.sa.sa_family == AF_UNIX);
}

/*
 * Looks at the listener anew where it has none, as it is not on one of PORTS, or
 * another socket had the descriptor. False where there is no memory for it.
 */
static bool find_record(struct pp_arrival *arrival)
{
	if (has_record(arrival))
		return true;
	if (!pp_listeners_examine(arrival->call->listener))
		return false;
	arrival->listener = pp_listeners_find(arrival->call->listener);
	return true;
}

/* May connections from such a peer have a header? See UNIX. */
static bool is_family_ours(sa_family_t family)
{
	return pp_family_is_internet(family) ||
	       (family == AF_UNIX && pp_is_unix_asked());
}

/* Looks at a connection that the kernel accepted. */
static enum pp_accepted judge_new(struct pp_arrival *arrival)
{
	uint8_t peeked[PP_RECEIVE_PEEK];
	struct pp_decision decision;
	struct pp_receive receive;

	arrival->proxy = arrival->name.address;
	if (!is_family_ours(arrival->proxy.sa.sa_family))
		return PP_ACCEPTED;
	/* for the first time, where the listener was known as something else */
	if (!pp_configuration_require_valid(arrival->fd))
		return pp_accept_refused(arrival, "a setting is bad");
	if (!pp_is_on())
		return PP_ACCEPTED;
	/* to hand it over unjudged would be to believe anyone */
	if (!find_record(arrival))
		return pp_accept_refused(arrival, "no memory for its listener");
	if (!has_record(arrival))
		return PP_ACCEPTED;
	decision = pp_admission_judge(pp_configuration(), &arrival->proxy,
				      arrival->fd, &receive, peeked);
	/* who was told "readable" sleeps no longer than that: once in a call */
	if (decision.admission == PP_ADMIT_WAIT && arrival->more_tries == 0)
		decision = pp_admission_judge_received(
			pp_configuration(), &receive,
			wait_for_header(arrival->listener, &receive, peeked));
	return carry_out(arrival, decision, &receive, peeked);
}

/* Makes a connection that waited what this call of accept would have made. */
static void set_flags(int fd, const struct pp_accept_call *call)
{
	int flags = fcntl(fd, F_GETFL, 0);

	if (!(call->flags & SOCK_CLOEXEC))
		fcntl(fd, F_SETFD, 0);
	if (!(call->flags & SOCK_NONBLOCK) != !(flags & O_NONBLOCK))
		fcntl(fd, F_SETFL, flags ^ O_NONBLOCK);
}

/* The peer's whole name, if it has one, does not wait in the room. */
static void name_unix_peer(struct pp_arrival *arrival)
{
	struct pp_kernel_name name = { .length = sizeof(name.storage) };

	if (arrival->proxy.sa.sa_family == AF_UNIX &&
	    real_getpeername(arrival->fd, &name.sa, &name.length) == 0)
		arrival->name = name;
}

/* Hands the connection over that has left the waiting room, or refuses it. */
static enum pp_accepted judge_waiting(struct pp_arrival *arrival,
				      struct pp_waiting *waiting)
{
	const struct pp_settings *settings = pp_configuration();

	arrival->fd = waiting->receive.fd;
	pp_arrival_set_proxy(arrival, &waiting->proxy);
	name_unix_peer(arrival);
	set_flags(arrival->fd, arrival->call);
	/* as long as that pays off, it is counted when accept waits for it */
	if (!is_patient(arrival->listener))
		count_header(arrival->listener,
			     pp_now_ms() + settings->timeout -
					     waiting->deadline <=
				     PP_PATIENCE);
	return carry_out(arrival,
			 pp_admission_judge_received(settings,
						     &waiting->receive,
						     waiting->received),
			 &waiting->receive, NULL);
}

/*
 * The next one out of the waiting room, if there is one. Where it is refused the
 * room may have others: EAGAIN must not be said before they were looked at, as
 * an edge-triggered program would not be told of them again.
 */
static enum pp_accepted accept_waiting(struct pp_arrival *arrival)
{
	struct pp_waiting waiting;
	enum pp_accepted accepted = PP_ACCEPT_NEW;
	int left, state;

	if (arrival->listener == NULL ||
	    !atomic_load(&arrival->listener->used))
		return PP_ACCEPT_NEW;
	pthread_setcancelstate(PTHREAD_CANCEL_DISABLE, &state);
	left = pp_rooms_take_ready(arrival->listener, &waiting, &arrival->look);
	if (left < 0)
		accepted = PP_ACCEPT_FAILED;
	else if (left > 0)
		accepted = judge_waiting(arrival, &waiting);
	pthread_setcancelstate(state, NULL);
	return accepted;
}

bool pp_was_told_readable(const struct pp_arrival *arrival)
{
	return arrival->look.peer.sa.sa_family != AF_UNSPEC &&
	       !atomic_load(&arrival->listener->only_accepted) &&
	       (!atomic_load(&arrival->listener->was_told_eagain) ||
		pp_wait_blocks(arrival->listener));
}

/* Is there a connection in the kernel's queue? */
static bool is_readable(int listener)
{
	struct pollfd queue = { .fd = listener, .events = POLLIN };

	return pp_poll_kernel(&queue, 1, 0) == 1;
}

/* What is to be done where accept(2) has failed. */
static enum pp_accepted accept_failed(struct pp_arrival *arrival,
				      enum pp_wait_for what)
{
	struct pp_listener *listener = arrival->listener;
	int error = errno;

	switch (error) {
	case EMFILE:
	case ENFILE:
		/* those that wait have descriptors; it says so of nobody, too */
		if (is_readable(arrival->call->listener) &&
		    pp_rooms_give_up_oldest())
			return PP_ACCEPT_AGAIN;
		errno = error;
		return PP_ACCEPT_FAILED;
	case EAGAIN:
		if (listener == NULL)
			return PP_ACCEPT_FAILED;
		pp_parents_room_yield(listener);
		if (!pp_was_told_readable(arrival) &&
		    (what == PP_WAIT_KERNEL_NOW ||
		     pp_wait_was_borrowed(listener)))
			return PP_ACCEPT_AGAIN;
		return pp_accept_nobody(arrival);
	default:
		return PP_ACCEPT_FAILED;
	}
}

/* Accepts from the kernel's queue, where that is to be looked at next. */
static enum pp_accepted accept_new(struct pp_arrival *arrival)
{
	struct pp_listener *listener = arrival->listener;
	enum pp_wait_for what = PP_WAIT_KERNEL;
	enum pp_accepted accepted;
	int state;

	if (listener != NULL && !pp_was_told_readable(arrival))
		what = pp_wait_next(listener, &arrival->wait);
	else if (listener != NULL && pp_wait_blocks(listener))
		what = PP_WAIT_KERNEL_NOW;
	if (what == PP_WAIT_FAILED)
		return PP_ACCEPT_FAILED;
	if (what == PP_WAIT_ROOM)
		return PP_ACCEPT_AGAIN;
	arrival->name.length = sizeof(arrival->name.storage);
	arrival->fd =
		pp_wait_kernel_accept(arrival->call, what, &arrival->wait,
				      &arrival->name.sa, &arrival->name.length);
	pthread_setcancelstate(PTHREAD_CANCEL_DISABLE, &state);
	accepted = arrival->fd < 0 ? accept_failed(arrival, what)
				   : judge_new(arrival);
	pthread_setcancelstate(state, NULL);
	return accepted;
}

/*
 * Accepts the next connection that may be handed over, its header taken off; or
 * what turned_away.h has in place of one that may not. Returns as accept(2)
 * does, with its errno. A cancellation point, as that is; a thread whose
 * cancellation is deferred leaves no descriptor behind.
 */
static int accept_connection(const struct pp_accept_call *call)
{
	struct pp_arrival arrival = { .call = call };
	enum pp_accepted accepted;
	int error = errno, state;

	if (!pp_listeners_is_something_else(call->listener) &&
	    !pp_configuration_require_valid(call->listener))
		return -1;
	/* which was listened on by somebody else, perhaps */
	pp_configuration_report("accept", call->listener);
	if (pp_configuration()->versions == PP_VERSION_NONE ||
	    (call->address != NULL && call->length == NULL))
		return pp_wait_kernel_accept(call, PP_WAIT_KERNEL,
					     &arrival.wait, call->address,
					     call->length);
	/* while its listener cannot be told from others it stays in the queue */
	if (!pp_listeners_find_or_make(call->listener, &arrival.listener))
		return -1;
	do {
		accepted = accept_waiting(&arrival);
		if (accepted == PP_ACCEPT_NEW)
			accepted = accept_new(&arrival);
	} while (accepted == PP_ACCEPT_AGAIN);
	if (accepted == PP_ACCEPT_FAILED)
		return -1;
	errno = error;
	/* only now: whatever else is wrong with a call the kernel says first */
	if (pp_sockaddr_copy_out(&arrival.name.sa, arrival.name.length,
				 call->address, call->length))
		return arrival.fd;
	pthread_setcancelstate(PTHREAD_CANCEL_DISABLE, &state);
	real_close(arrival.fd);
	pthread_setcancelstate(state, NULL);
	errno = EINVAL;
	return -1;
}

PP_EXPORT int accept(int fd, struct sockaddr *address, socklen_t *length)
{
	struct pp_accept_call call = { .listener = fd,
				       .address = address,
				       .length = length };

	return accept_connection(&call);
}

PP_EXPORT int accept4(int fd, struct sockaddr *address, socklen_t *length,
		      int flags)
{
	struct pp_accept_call call = { .listener = fd,
				       .address = address,
				       .length = length,
				       .accept4 = true,
				       .flags = flags };

	return accept_connection(&call);
}
