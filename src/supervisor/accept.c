/* SPDX-License-Identifier: ISC */
/* The calls of accept and listen, and those that wait; see accept.h. */
#include <config.h>

#include "supervisor/accept.h"

#include "connection/calls.h"
#include "connection/patience.h"
#include "connection/report.h"
#include "connection/socket_kind.h"
#include "supervisor/arrival.h"
#include "supervisor/held_connections.h"
#include "supervisor/listeners.h"
#include "supervisor/memory.h"
#include "supervisor/notifications.h"
#include "supervisor/pending_calls.h"

#include <errno.h>
#include <string.h>
#include <unistd.h>

static void patience_expired(struct pp_timer *timer);

/* Has a call wait for the header that it awaits. */
static void begin_patience(const struct pp_arrival *arrival,
			   struct pp_pending *pending)
{
	pp_pending_await(pending, arrival->awaited);
	pending->timeout.expired = patience_expired;
	pp_timer_start(&pending->timeout, pp_now_ms() + PP_PATIENCE);
}

/* The time of a call whose listener has SO_RCVTIMEO is up. */
static void pending_expired(struct pp_timer *timer)
{
	struct pp_pending *pending =
		PP_WHOLE(timer, struct pp_pending, timeout);

	pp_answer(&pending->call, -EAGAIN);
	pp_pending_end(pending);
}

/* When a call on the listener is to end for SO_RCVTIMEO; 0: never. */
static int64_t deadline_of(int listener)
{
	struct timeval timeout = { 0, 0 };
	socklen_t length = sizeof(timeout);

	if (getsockopt(listener, SOL_SOCKET, SO_RCVTIMEO, &timeout, &length) !=
		    0 ||
	    (timeout.tv_sec == 0 && timeout.tv_usec == 0))
		return 0;
	return pp_now_ms() + timeout.tv_sec * 1000 +
	       (timeout.tv_usec + 999) / 1000;
}

/* Has a call that waits for its listener do so until then. */
static void begin_timeout(struct pp_pending *pending)
{
	pending->timeout.expired = pending_expired;
	if (pending->deadline != 0)
		pp_timer_start(&pending->timeout, pending->deadline);
}

/* Has the call wait. */
static void begin_waiting(const struct pp_arrival *arrival)
{
	struct pp_pending *pending = pp_pending_add(
		arrival->call, arrival->listener, arrival->process);

	if (pending == NULL) {
		pp_answer(arrival->call, -ENOMEM);
		return;
	}
	pending->deadline = deadline_of(arrival->fd);
	if (arrival->awaited != NULL) {
		begin_patience(arrival, pending);
		return;
	}
	begin_timeout(pending);
	pp_listener_arm(arrival->listener, arrival->fd);
}

/* Tells, once, of a process that is served by nobody. */
static void report_unseen(pid_t pid, int error)
{
	static bool is_reported;

	if (!is_reported && error == -EPERM)
		pp_report("proxyproto",
			  "process %d cannot be looked into: %s: "
			  "CAP_SYS_PTRACE allows it where that is another "
			  "user's; no header is taken off",
			  (int)pid, strerror(EPERM));
	else if (!is_reported)
		pp_report("proxyproto",
			  "process %d accepts nobody: its first thread has "
			  "ended, and then Linux 6.9 is needed",
			  (int)pid);
	is_reported = true;
}

/*
 * A call whose descriptor cannot be fetched: where it is none the kernel says
 * so. Where we may not, nobody must come in whose header has to be seen; and
 * nobody unseen where this kernel cannot, or for want of descriptors or memory
 * of ours.
 */
static void answer_unseen(const struct pp_call *call,
			  struct pp_tracee *process, int error)
{
	const struct pp_rules *rules;

	if (error == -EPERM || error == -ENOSYS)
		report_unseen(process != NULL ? process->tgid : call->tid,
			      error);
	if (error != -EBADF) {
		rules = process != NULL ? pp_tracee_rules(process, NULL)
					: pp_rules_of(getpid());
		if (error == -ENOSYS || pp_is_shortage(-error) ||
		    rules == NULL ||
		    rules->settings.must_use) {
			pp_answer(call, error);
			return;
		}
	}
	pp_answer_continue(call);
}

/*
 * Fetches the listener of a call, and looks at it. What is wrong with the call
 * the kernel says, and it answers what is not ours. False where it was answered.
 */
static bool find_listener(struct pp_arrival *arrival, const struct pp_call *call)
{
	uint64_t cookie;
	int error;

	memset(arrival, 0, sizeof(*arrival));
	arrival->call = call;
	arrival->to.address = call->arguments[1];
	arrival->to.length = call->arguments[2];
	arrival->fd = pp_tracee_fetch(call->tid, &arrival->process,
				       (int)call->arguments[0]);
	if (arrival->fd < 0) {
		answer_unseen(call, arrival->process, arrival->fd);
		return false;
	}
	/* of a call that is over it may be another process's */
	if (!pp_call_is_valid(call)) {
		close(arrival->fd);
		return false;
	}
	cookie = pp_cookie_of(arrival->fd);
	if (pp_listener_is_known(cookie) ||
	    pp_is_internet_socket(arrival->fd)) {
		arrival->rules = pp_tracee_rules(arrival->process,
						 &arrival->to);
		error = pp_rules_refuse(arrival->rules);
		if (error != 0) {
			pp_answer(call, error);
			close(arrival->fd);
			return false;
		}
		arrival->listener = pp_listener_of(arrival->fd, cookie,
						   arrival->process,
						   arrival->rules);
	}
	if (arrival->listener != NULL &&
	    (pp_arrival_flags(call) & ~(SOCK_NONBLOCK | SOCK_CLOEXEC)) == 0 &&
	    (arrival->to.address == 0 || arrival->to.room >= 0))
		return true;
	pp_answer_continue(call);
	close(arrival->fd);
	return false;
}

void pp_accept(const struct pp_call *call)
{
	struct pp_arrival arrival;

	if (!find_listener(&arrival, call))
		return;
	if (pp_arrival_serve(&arrival) == PP_WAITS)
		begin_waiting(&arrival);
	close(arrival.fd);
}

/*
 * Fetches the listener of a call that waits. False where that is over: its
 * process may have ended just now, and what is known of both is given up.
 */
static bool find_listener_again(struct pp_arrival *arrival,
				const struct pp_call *call)
{
	if (!find_listener(arrival, call)) {
		pp_pending_is_over(call->tid);
		return false;
	}
	if (pp_pending_of(call->tid) != NULL)
		return true;
	close(arrival->fd);
	return false;
}

/* Goes on with a call that waits. True where it still does. */
static bool resume_call(struct pp_pending *pending)
{
	struct pp_call call = pending->call;
	struct pp_listener *listener = pending->listener;
	struct pp_arrival arrival;
	bool waits = false;

	if (!find_listener_again(&arrival, &call))
		return false;
	if (arrival.listener != listener) {
		/* closed by another thread meanwhile */
		pp_answer(&call, -EBADF);
		pp_pending_end(pending);
	} else {
		arrival.was_patient = pending->was_patient;
		waits = pp_arrival_serve(&arrival) == PP_WAITS;
		if (!waits)
			pp_pending_end(pending);
		else if (arrival.awaited != NULL)
			begin_patience(&arrival, pending);
		else
			begin_timeout(pending);
		if (listener->pending.first != NULL)
			pp_listener_arm(listener, arrival.fd);
	}
	close(arrival.fd);
	return waits;
}

/* The header did not come in time. */
static void patience_expired(struct pp_timer *timer)
{
	struct pp_pending *pending =
		PP_WHOLE(timer, struct pp_pending, timeout);
	struct pp_waiting *late = pending->awaited;
	struct pp_call call = pending->call;
	struct pp_arrival arrival;
	bool answered;

	late->listener->patience =
		pp_patience_count(late->listener->patience, false);
	pp_pending_join_listener(pending);
	if (!find_listener_again(&arrival, &call))
		return;
	answered = pp_arrival_stand_in(&arrival, late);
	close(arrival.fd);
	if (answered)
		pp_pending_end(pending);
	else
		resume_call(pending);
}

void pp_listener_deal(struct pp_listener *listener)
{
	while (listener->pending.first != NULL) {
		bool had_ready = listener->first_ready != NULL;

		/* of further connections in its queue the kernel tells */
		if (resume_call(listener->pending.first) ||
		    (!had_ready && listener->is_armed))
			break;
	}
	pp_knock_now(listener);
}

void pp_listen(const struct pp_call *call)
{
	struct pp_tracee *process;
	struct pp_rules *rules;
	int fd = pp_tracee_fetch(call->tid, &process, (int)call->arguments[0]);
	int error;

	if (fd < 0 || !pp_is_tcp_socket(fd) || !pp_is_internet_socket(fd)) {
		pp_answer_continue(call);
	} else {
		rules = pp_tracee_rules(process, NULL);
		error = pp_rules_refuse(rules);
		if (error != 0)
			pp_answer(call, error);
		else if (!pp_call_is_valid(call))
			; /* it may be another process's */
		else if (listen(fd, (int)call->arguments[1]) != 0)
			pp_answer(call, -errno);
		else {
			pp_listener_of(fd, pp_cookie_of(fd), process, rules);
			pp_answer(call, 0);
		}
	}
	if (fd >= 0)
		close(fd);
}
