/* SPDX-License-Identifier: ISC */
/*
 * What is done for accept: a connection is accepted here, judged (admission.h),
 * and given to the thread that waits; see accept.h.
 */
#include <config.h>

#include "supervisor/accept.h"

#include "connection/admission.h"
#include "connection/note.h"
#include "connection/report.h"
#include "connection/reset.h"
#include "supervisor/kernel_accept.h"
#include "supervisor/listeners.h"
#include "supervisor/memory.h"
#include "supervisor/notifications.h"
#include "supervisor/pending.h"
#include "supervisor/waiting.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <unistd.h>

/* So often the kernel's queue is tried once more, in one call of accept. */
#define TRIES 64

/* After so long a connection that could not be handed over is offered again. */
#define LATER 10	/* milliseconds */

/* One call, and the connection that it is at. */
struct arrival {
	const struct pp_call *call;
	struct pp_tracee *process;
	struct pp_rules *rules;
	struct pp_listener *listener;
	int fd;			/* the listener */
	bool blocks;
	bool has_accepted;	/* something, in this call */
	int more_tries;
	struct pp_memory_name to;
	struct pp_waiting at;	/* the connection */
};

/* What became of a call. */
enum outcome {
	GOES_ON,	/* with the next connection */
	ANSWERED,
	WAITS,		/* for the listener */
};

static int flags_of(const struct pp_call *call)
{
	return call->name == PP_CALL_ACCEPT4 ? (int)call->arguments[3] : 0;
}

static const struct pp_settings *settings_of(const struct arrival *arrival)
{
	return &arrival->rules->settings;
}

/* Tells, in debug mode, of a connection that the program has as number. */
static void report_handed_over(const struct pp_waiting *connection, int number)
{
	const struct pp_settings *settings = &connection->rules->settings;

	if (connection->decision.admission == PP_ADMIT_HEADER)
		pp_report_header(settings, "accept", number, &connection->proxy,
				 &connection->receive.header,
				 pp_receive_bytes(&connection->receive, NULL));
	else if (connection->decision.admission == PP_ADMIT_BARE)
		pp_report_outcome(settings, "accept", number,
				  &connection->proxy, "handed over",
				  connection->decision.reason);
}

/*
 * Answers the call with the connection. False where that cannot be: the call is
 * over, or was answered with an error; the connection is still ours.
 */
static bool give_connection(const struct arrival *arrival,
			    const struct pp_waiting *connection)
{
	const struct pp_call *call = arrival->call;
	const union pp_address *name = &connection->name;
	int number;

	/* an address of another family is told where there is room for it */
	if (name->sa.sa_family != connection->proxy.sa.sa_family &&
	    arrival->to.address != 0 &&
	    (socklen_t)arrival->to.room < pp_address_length(name))
		name = &connection->proxy;
	number = pp_memory_write_name(call->tid, &arrival->to, &name->sa,
				      pp_address_length(name));
	if (number == 0)
		number = pp_answer_descriptor(call, connection->receive.fd,
					      flags_of(call));
	if (number >= 0) {
		report_handed_over(connection, number);
		return true;
	}
	if (number != -ENOENT)
		pp_answer(call, number);
	return false;
}

/* The same for a new one, which is kept where it cannot be given. */
static void give_new(struct arrival *arrival)
{
	if (give_connection(arrival, &arrival->at)) {
		close(arrival->at.receive.fd);
		return;
	}
	pp_waiting_keep(arrival->listener, &arrival->at);
	/* what the header needed is its own now */
	arrival->at.receive.taken = NULL;
	pp_knock_soon(arrival->listener, LATER);
}

/* Makes a connection that waited what this call of accept would have made. */
static void set_flags(int fd, const struct pp_call *call)
{
	int flags = fcntl(fd, F_GETFL, 0);

	if (!(flags_of(call) & SOCK_NONBLOCK) != !(flags & O_NONBLOCK))
		fcntl(fd, F_SETFL, flags ^ O_NONBLOCK);
}

/* The same for one that is ready, of this listener or another one. */
static void give_ready(const struct arrival *arrival,
		       struct pp_waiting *waiting)
{
	struct pp_listener *listener = waiting->listener;

	set_flags(waiting->receive.fd, arrival->call);
	if (give_connection(arrival, waiting)) {
		close(waiting->receive.fd);
		pp_waiting_free(waiting);
		if (listener->first_ready != NULL)
			pp_knock_soon(listener, 0);
		return;
	}
	pp_waiting_put_back(waiting);
	pp_knock_soon(listener, LATER);
}

/*
 * May accept go on with the next connection instead of this one? Where there is
 * none, only in a program that was seen to wait in accept, or to take EAGAIN:
 * another one may have been told that there is a connection.
 */
static bool may_go_on(struct arrival *arrival)
{
	const struct pp_listener *listener = arrival->listener;

	if (arrival->blocks && listener->waits_in_accept)
		return true;
	if (++arrival->more_tries > TRIES)
		return false;
	return (!arrival->blocks && listener->was_told_eagain) ||
	       pp_kernel_has_connection(arrival->fd);
}

/* The kernel's own addresses of a connection, for the note of kind reset. */
static struct pp_note note_of(const struct pp_waiting *connection)
{
	struct pp_note note = { .kind = PP_NOTE_RESET,
				.source = connection->proxy };
	socklen_t length = sizeof(note.destination);

	getsockname(connection->receive.fd, &note.destination.sa, &length);
	return note;
}

static void report_outcome(const struct arrival *arrival, const char *outcome)
{
	/* the program has no number for it: this one is ours */
	pp_report_outcome(settings_of(arrival), "accept",
			  arrival->at.receive.fd, &arrival->at.proxy, outcome,
			  arrival->at.decision.reason);
}

static enum outcome end_refused(struct arrival *arrival)
{
	struct pp_waiting *at = &arrival->at;
	struct pp_note note;

	report_outcome(arrival, "dropped");
	if (may_go_on(arrival)) {
		pp_receive_stop_linger(at->receive.fd);
		close(at->receive.fd);
		return GOES_ON;
	}
	note = note_of(at);
	pp_reset_connection(at->receive.fd);
	pp_note_write(at->receive.fd, &at->proxy, &note);
	at->name = at->proxy;
	give_new(arrival);
	return ANSWERED;
}

/* A descriptor that stands in for the connection, or -1. */
static int open_stand_in(const struct arrival *arrival)
{
	struct pp_note note = note_of(&arrival->at);
	int fd = pp_reset_stand_in(arrival->at.proxy.sa.sa_family,
				   flags_of(arrival->call) | SOCK_CLOEXEC);

	if (fd >= 0)
		pp_note_write(fd, &arrival->at.proxy, &note);
	return fd;
}

/* The header of the connection is not there yet. */
static enum outcome begin_lateness(struct arrival *arrival)
{
	struct pp_waiting *at = &arrival->at;
	bool goes_on = may_go_on(arrival);
	int stand_in = goes_on ? -1 : open_stand_in(arrival);

	report_outcome(arrival, "waits");
	if ((goes_on || stand_in >= 0) &&
	    pp_waiting_add_late(arrival->listener, arrival->rules, &at->proxy,
				&at->receive) != NULL) {
		memset(&at->receive, 0, sizeof(at->receive));
		if (goes_on)
			return GOES_ON;
		at->receive.fd = stand_in;
		at->name = at->proxy;
		give_new(arrival);
		return ANSWERED;
	}
	if (stand_in >= 0)
		close(stand_in);
	at->decision.reason = "it cannot wait: no descriptor or memory";
	return end_refused(arrival);
}

/* Looks at a connection that the kernel accepted. */
static enum outcome judge_new(struct arrival *arrival)
{
	struct pp_waiting *at = &arrival->at;
	int fd = at->receive.fd;
	uint8_t peeked[PP_RECEIVE_PEEK];
	enum outcome outcome = ANSWERED;

	at->decision = pp_admission_judge(settings_of(arrival), &at->proxy, fd,
					  &at->receive, peeked);
	switch (at->decision.admission) {
	case PP_ADMIT_WAIT:
		return begin_lateness(arrival);
	case PP_ADMIT_REFUSED:
		outcome = end_refused(arrival);
		break;
	default:
		pp_waiting_admit(at, peeked);
		give_new(arrival);
	}
	pp_receive_free(&at->receive);
	return outcome;
}

/* The kernel has nobody. */
static enum outcome find_nobody(struct arrival *arrival)
{
	if (arrival->blocks) {
		if (!arrival->has_accepted)
			arrival->listener->waits_in_accept = true;
		return WAITS;
	}
	arrival->listener->was_told_eagain = true;
	pp_answer(arrival->call, -EAGAIN);
	return ANSWERED;
}

/* A knock was accepted: the connection that it was for takes its place. */
static enum outcome take_knock(struct arrival *arrival,
			       struct pp_listener *knocked)
{
	struct pp_waiting *ready = pp_waiting_take_ready(knocked);

	close(arrival->at.receive.fd);
	if (ready == NULL)
		return GOES_ON;
	give_ready(arrival, ready);
	return ANSWERED;
}

/* Accepts from the kernel's queue. */
static enum outcome accept_new(struct arrival *arrival)
{
	struct pp_waiting *at = &arrival->at;
	struct pp_listener *knocked;
	int fd = pp_kernel_accept(arrival->fd, arrival->blocks,
				  flags_of(arrival->call), &at->proxy);

	if (fd == -EAGAIN)
		return find_nobody(arrival);
	if ((fd == -EMFILE || fd == -ENFILE) && pp_waiting_give_up_oldest())
		return GOES_ON;
	if (fd < 0) {
		pp_answer(arrival->call, fd);
		return ANSWERED;
	}
	at->receive.fd = fd;
	at->rules = arrival->rules;
	arrival->has_accepted = true;
	knocked = pp_knock_taken(&at->proxy);
	return knocked != NULL ? take_knock(arrival, knocked)
			       : judge_new(arrival);
}

/* Finds a connection for the call. */
static enum outcome serve_call(struct arrival *arrival)
{
	struct pp_listener *listener = arrival->listener;
	enum outcome outcome = GOES_ON;

	arrival->blocks = !(fcntl(arrival->fd, F_GETFL, 0) & O_NONBLOCK);
	while (outcome == GOES_ON) {
		if (listener->first_ready != NULL &&
		    !pp_knock_is_queued(listener)) {
			give_ready(arrival, pp_waiting_take_ready(listener));
			outcome = ANSWERED;
		} else {
			outcome = accept_new(arrival);
		}
	}
	return outcome;
}

/* The time of a call whose listener has SO_RCVTIMEO is up. */
static void pending_expired(struct pp_timer *timer)
{
	struct pp_pending *pending =
		PP_WHOLE(timer, struct pp_pending, timeout);

	pp_answer(&pending->call, -EAGAIN);
	pp_pending_end(pending);
}

/* Has the call wait for the listener. */
static void begin_waiting(const struct arrival *arrival)
{
	struct pp_pending *pending = pp_pending_add(
		arrival->call, arrival->listener, arrival->process);
	struct timeval timeout = { 0, 0 };
	socklen_t length = sizeof(timeout);

	if (pending == NULL) {
		pp_answer(arrival->call, -ENOMEM);
		return;
	}
	pending->timeout.expired = pending_expired;
	if (getsockopt(arrival->fd, SOL_SOCKET, SO_RCVTIMEO, &timeout,
		       &length) == 0 &&
	    (timeout.tv_sec != 0 || timeout.tv_usec != 0))
		pp_timer_start(&pending->timeout,
			       pp_now_ms() + timeout.tv_sec * 1000 +
				       (timeout.tv_usec + 999) / 1000);
	pp_listener_arm(arrival->listener, arrival->fd);
}

/*
 * A call whose descriptor cannot be fetched: where it is none the kernel says
 * so. Where we may not, nobody must come in whose header has to be seen.
 */
static void answer_unseen(const struct pp_call *call,
			  struct pp_tracee *process, int error)
{
	struct pp_rules *rules = NULL;

	if (process != NULL && error != -EBADF)
		rules = pp_tracee_rules(process);
	if (rules == NULL || !rules->settings.must_use)
		pp_answer_continue(call);
	else
		pp_answer(call, error);
}

/*
 * Fetches the listener of a call, and looks at it. What is wrong with the call
 * the kernel says, and it answers what is not ours. False where it was answered.
 */
static bool find_listener(struct arrival *arrival, const struct pp_call *call)
{
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
	if (pp_is_internet_socket(arrival->fd)) {
		arrival->rules = pp_tracee_rules(arrival->process);
		if (arrival->rules == NULL ||
		    !pp_rules_are_valid(arrival->rules)) {
			pp_answer(call, -EINVAL);
			close(arrival->fd);
			return false;
		}
		arrival->listener = pp_listener_of(
			arrival->fd, arrival->process, arrival->rules);
	}
	if (arrival->listener != NULL &&
	    (flags_of(call) & ~(SOCK_NONBLOCK | SOCK_CLOEXEC)) == 0 &&
	    pp_memory_read_room(call->tid, &arrival->to) &&
	    (arrival->to.address == 0 || arrival->to.room >= 0))
		return true;
	pp_answer_continue(call);
	close(arrival->fd);
	return false;
}

void pp_accept(const struct pp_call *call)
{
	struct arrival arrival;

	if (!find_listener(&arrival, call))
		return;
	if (serve_call(&arrival) == WAITS)
		begin_waiting(&arrival);
	close(arrival.fd);
}

/* Goes on with a call that waits. True where it still does. */
static bool resume_call(struct pp_pending *pending)
{
	struct pp_call call = pending->call;
	struct pp_listener *listener = pending->listener;
	struct arrival arrival;
	bool waits = false;

	/* nobody is accepted for a call that is over */
	if (!pp_call_is_valid(&call) || !find_listener(&arrival, &call)) {
		pp_pending_end(pending);
		return false;
	}
	if (arrival.listener != listener) {
		/* closed by another thread meanwhile */
		pp_answer(&call, -EBADF);
		pp_pending_end(pending);
	} else {
		waits = serve_call(&arrival) == WAITS;
		if (!waits)
			pp_pending_end(pending);
		if (listener->pending.first != NULL)
			pp_listener_arm(listener, arrival.fd);
	}
	close(arrival.fd);
	return waits;
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

	if (fd < 0 || !pp_is_tcp_socket(fd)) {
		pp_answer_continue(call);
	} else {
		rules = pp_tracee_rules(process);
		if (rules == NULL || !pp_rules_are_valid(rules))
			pp_answer(call, -EINVAL);
		else if (listen(fd, (int)call->arguments[1]) != 0)
			pp_answer(call, -errno);
		else {
			pp_listener_of(fd, process, rules);
			pp_answer(call, 0);
		}
	}
	if (fd >= 0)
		close(fd);
}
