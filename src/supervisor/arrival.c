/* SPDX-License-Identifier: ISC */
/* What a call of accept is given; see arrival.h. */
#include <config.h>

#include "supervisor/arrival.h"

#include "connection/admission.h"
#include "connection/patience.h"
#include "connection/report.h"
#include "connection/reset.h"
#include "supervisor/kernel_accept.h"
#include "supervisor/notifications.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <unistd.h>

/* So often the kernel's queue is tried once more, in one call of accept. */
#define TRIES 64

/* After so long a connection that could not be handed over is offered again. */
#define LATER 10	/* milliseconds */

int pp_arrival_flags(const struct pp_call *call)
{
	return call->name == PP_CALL_ACCEPT4 ? (int)call->arguments[3] : 0;
}

static const struct pp_settings *settings_of(const struct pp_arrival *arrival)
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
static bool give_connection(const struct pp_arrival *arrival,
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
	/* another process may have the thread's number once it has ended */
	number = -ENOENT;
	if (arrival->to.address == 0 || pp_call_is_valid(call))
		number = pp_memory_write_name(call->tid, &arrival->to,
					      &name->sa,
					      pp_address_length(name));
	if (number == 0)
		number = pp_answer_descriptor(call, connection->receive.fd,
					      pp_arrival_flags(call));
	if (number >= 0) {
		report_handed_over(connection, number);
		return true;
	}
	if (number != -ENOENT)
		pp_answer(call, number);
	return false;
}

/* The same for a new one, which is kept where it cannot be given. */
static void give_new(struct pp_arrival *arrival)
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

	if (!(pp_arrival_flags(call) & SOCK_NONBLOCK) != !(flags & O_NONBLOCK))
		fcntl(fd, F_SETFL, flags ^ O_NONBLOCK);
}

/* The same for one that is ready, of this listener or another one. */
static void give_ready(const struct pp_arrival *arrival,
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
static bool may_go_on(struct pp_arrival *arrival)
{
	const struct pp_listener *listener = arrival->listener;

	if (arrival->blocks && listener->waits_in_accept)
		return true;
	if (++arrival->more_tries > TRIES)
		return false;
	return (!arrival->blocks && listener->was_told_eagain) ||
	       pp_kernel_has_connection(arrival->fd);
}

static void report_outcome(const struct pp_arrival *arrival, const char *outcome)
{
	/* the program has no number for it: this one is ours */
	pp_report_outcome(settings_of(arrival), "accept",
			  arrival->at.receive.fd, &arrival->at.proxy, outcome,
			  arrival->at.decision.reason);
}

/* The program does not get the connection, or one that was reset. */
static enum pp_outcome end_without(struct pp_arrival *arrival)
{
	struct pp_waiting *at = &arrival->at;

	if (may_go_on(arrival)) {
		pp_receive_stop_linger(at->receive.fd);
		close(at->receive.fd);
		return PP_GOES_ON;
	}
	pp_waiting_reset(at);
	give_new(arrival);
	return PP_ANSWERED;
}

static enum pp_outcome end_refused(struct pp_arrival *arrival)
{
	report_outcome(arrival, "dropped");
	return end_without(arrival);
}

/* A descriptor that stands in for the connection, or -1. */
static int open_stand_in(const struct pp_arrival *arrival)
{
	return pp_reset_stand_in(arrival->at.receive.fd, &arrival->at.proxy,
				 pp_arrival_flags(arrival->call) | SOCK_CLOEXEC);
}

/* Hands over what stands in for a late connection. False: there is none. */
static bool give_stand_in(struct pp_arrival *arrival, int stand_in)
{
	struct pp_waiting *at = &arrival->at;

	if (stand_in < 0)
		return false;
	memset(&at->receive, 0, sizeof(at->receive));
	at->receive.fd = stand_in;
	at->name = at->proxy;
	give_new(arrival);
	return true;
}

/* Is the header of this connection to be waited for by the call? */
static bool is_patient(const struct pp_arrival *arrival)
{
	return !pp_admission_is_deferred(settings_of(arrival)) &&
	       !arrival->was_patient &&
	       pp_patience_pays(arrival->listener->patience);
}

/* The header of the connection is not there yet. */
static enum pp_outcome begin_lateness(struct pp_arrival *arrival)
{
	struct pp_waiting *at = &arrival->at, *late;
	bool patient = is_patient(arrival);
	bool goes_on = !patient && may_go_on(arrival);
	int stand_in = patient || goes_on ? -1 : open_stand_in(arrival);

	report_outcome(arrival, "waits");
	late = patient || goes_on || stand_in >= 0
		       ? pp_waiting_add_late(arrival->listener, arrival->rules,
					     &at->proxy, &at->receive)
		       : NULL;
	if (late != NULL) {
		arrival->awaited = patient ? late : NULL;
		if (patient)
			return PP_WAITS;
		return give_stand_in(arrival, stand_in) ? PP_ANSWERED : PP_GOES_ON;
	}
	if (stand_in >= 0)
		close(stand_in);
	at->decision.reason = "it cannot wait: no descriptor or memory";
	return end_refused(arrival);
}

/* Looks at a connection that the kernel accepted. */
static enum pp_outcome judge_new(struct pp_arrival *arrival)
{
	struct pp_waiting *at = &arrival->at;
	int fd = at->receive.fd;
	uint8_t peeked[PP_RECEIVE_PEEK];
	enum pp_outcome outcome = PP_ANSWERED;

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
static enum pp_outcome find_nobody(struct pp_arrival *arrival)
{
	if (arrival->blocks) {
		if (!arrival->has_accepted)
			arrival->listener->waits_in_accept = true;
		return PP_WAITS;
	}
	arrival->listener->was_told_eagain = true;
	pp_answer(arrival->call, -EAGAIN);
	return PP_ANSWERED;
}

/* A knock was accepted: the connection that it was for takes its place. */
static enum pp_outcome take_knock(struct pp_arrival *arrival,
			       struct pp_listener *knocked)
{
	struct pp_waiting *ready;

	if (pp_knock_was_beaten(knocked, arrival->listener))
		return end_without(arrival);
	ready = pp_waiting_take_ready(knocked);
	close(arrival->at.receive.fd);
	if (ready == NULL)
		return PP_GOES_ON;
	give_ready(arrival, ready);
	return PP_ANSWERED;
}

/* Accepts from the kernel's queue. */
static enum pp_outcome accept_new(struct pp_arrival *arrival)
{
	struct pp_waiting *at = &arrival->at;
	struct pp_listener *knocked;
	int fd = pp_kernel_accept(arrival->fd, pp_arrival_flags(arrival->call),
				  &at->proxy);

	if (fd == -EAGAIN)
		return find_nobody(arrival);
	if ((fd == -EMFILE || fd == -ENFILE) && pp_waiting_give_up_oldest())
		return PP_GOES_ON;
	if (fd < 0) {
		pp_answer(arrival->call, fd);
		return PP_ANSWERED;
	}
	at->receive.fd = fd;
	at->rules = arrival->rules;
	arrival->has_accepted = true;
	knocked = pp_knock_taken(fd, &at->proxy);
	return knocked != NULL ? take_knock(arrival, knocked)
			       : judge_new(arrival);
}

enum pp_outcome pp_arrival_serve(struct pp_arrival *arrival)
{
	struct pp_listener *listener = arrival->listener;
	enum pp_outcome outcome = PP_GOES_ON;

	arrival->blocks = !(fcntl(arrival->fd, F_GETFL, 0) & O_NONBLOCK);
	while (outcome == PP_GOES_ON) {
		if (listener->first_ready != NULL &&
		    !pp_knock_is_queued(listener)) {
			give_ready(arrival, pp_waiting_take_ready(listener));
			outcome = PP_ANSWERED;
		} else {
			outcome = accept_new(arrival);
		}
	}
	return outcome;
}

bool pp_arrival_stand_in(struct pp_arrival *arrival,
			 const struct pp_waiting *late)
{
	arrival->blocks = !(fcntl(arrival->fd, F_GETFL, 0) & O_NONBLOCK);
	arrival->at.proxy = late->proxy;
	arrival->at.rules = late->rules;
	arrival->at.receive.fd = late->receive.fd;
	return !may_go_on(arrival) &&
	       give_stand_in(arrival, open_stand_in(arrival));
}
