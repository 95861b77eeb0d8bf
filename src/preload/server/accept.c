/* SPDX-License-Identifier: ISC */
/*
 * What the hooks of accept do: accept a connection, take its header off, show
 * the client, and have it remembered (names.h).
 */
#include <config.h>

#include "preload/server/accept.h"

#include "connection/admission.h"
#include "connection/receive.h"
#include "connection/report.h"
#include "preload/configuration.h"
#include "preload/real.h"
#include "preload/server/listeners.h"
#include "preload/server/names.h"
#include "preload/server/shortage.h"
#include "preload/server/wait.h"
#include "protocol/address.h"

#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <stdatomic.h>
#include <string.h>
#include <unistd.h>

static const char by[] = "accept";

void pp_tell_drop(const struct pp_waiting *waiting, const char *reason)
{
	pp_report_outcome(pp_configuration(), by, waiting->receive.fd,
			  &waiting->proxy, "dropped", reason);
}

/* One connection on its way to the program. */
struct arrival {
	const struct pp_accept_call *call;
	struct pp_listener *listener;	/* NULL: no TCP listener */
	struct pp_kernel_name name;	/* what the program will be told */
	int fd;
};

/* Closes a connection that no program is to see. */
static void drop(const struct arrival *arrival)
{
	pp_receive_stop_linger(arrival->fd);
	real_close(arrival->fd);
}

/* Lets a connection wait for its header, invisible to any program. */
static void let_wait(const struct arrival *arrival,
		     const struct pp_receive *receive,
		     const union pp_address *proxy)
{
	const struct pp_settings *settings = pp_configuration();
	const struct pp_accept_call *call = arrival->call;
	int flags = call->accept4 ? call->flags : 0;
	struct pp_waiting waiting = {
		.receive = *receive,
		.proxy = *proxy,
		.nonblock = (flags & SOCK_NONBLOCK) != 0,
		.deadline = pp_now() + settings->timeout,
	};

	if (!(flags & SOCK_CLOEXEC))
		real_fcntl(arrival->fd, F_SETFD, FD_CLOEXEC);
	pp_report_outcome(settings, by, arrival->fd, proxy, "waits",
			  "header not whole");
	pp_shortage_make_room();
	if (pp_listeners_enter(arrival->listener, &waiting))
		return;
	pp_tell_drop(&waiting, "it cannot wait, descriptors are short");
	pp_receive_end(&waiting.receive);
	drop(arrival);
}

/* A connection without a header that counts: handed over, or dropped here. */
static bool decide_bare(const struct arrival *arrival,
			const union pp_address *proxy, const char *reason)
{
	bool admitted = !pp_configuration()->must_use;

	pp_report_outcome(pp_configuration(), by, arrival->fd, proxy,
			  admitted ? "handed over" : "dropped", reason);
	if (admitted)
		pp_identity_forget(arrival->fd);
	else
		drop(arrival);
	return admitted;
}

/* Its header was taken off: shows and remembers whom it states. */
static void take_over(struct arrival *arrival, const union pp_address *proxy,
		      const struct pp_header *header, const uint8_t *bytes)
{
	const struct pp_accept_call *call = arrival->call;

	pp_identity_set(arrival->fd, proxy, header, bytes);
	if (header->source.sa.sa_family != AF_UNSPEC)
		pp_identity_show(&arrival->name, &header->source,
				 call->address == NULL ? NULL : call->length);
}

/*
 * What becomes of a connection: handed over (true) or dropped here. peeked is
 * where its header is, if that has no memory of its own.
 */
static bool decide(struct arrival *arrival, enum pp_received received,
		   const struct pp_receive *receive, const uint8_t *peeked,
		   const union pp_address *proxy)
{
	const struct pp_header *header = &receive->header;

	switch (received) {
	case PP_RECEIVED_HEADER:
		take_over(arrival, proxy, header,
			  pp_receive_bytes(receive, peeked));
		pp_report_header(pp_configuration(), by, arrival->fd, proxy,
				 header);
		return true;
	case PP_RECEIVED_MALFORMED:
		pp_report_outcome(pp_configuration(), by, arrival->fd, proxy,
				  "dropped", header->reason);
		drop(arrival);
		return false;
	default:
		return decide_bare(arrival, proxy, pp_receive_reason(receive));
	}
}

/*
 * Is it TCP, and not SCTP or the like, and on one of PORTS? What was known of
 * the descriptor may be of another socket that it was open on before: an
 * internet connection comes from no Unix socket.
 */
static bool is_ours(struct arrival *arrival)
{
	if (arrival->listener == NULL) {
		pp_listeners_note(arrival->call->listener);
		arrival->listener = pp_listeners_find(arrival->call->listener);
	}
	return arrival->listener != NULL;
}

/* Looks at a connection that the kernel accepted. */
static bool admit(struct arrival *arrival)
{
	uint8_t peeked[PP_RECEIVE_PEEK];
	struct pp_receive receive;
	enum pp_received received;
	union pp_address proxy;
	bool admitted;

	pp_address_from_kernel(&proxy, &arrival->name.sa,
			       arrival->name.length);
	if (!pp_family_is_internet(proxy.sa.sa_family))
		return true;
	/* the settings may be read only now: see is_ours */
	if (!pp_configuration_allows(arrival->fd)) {
		drop(arrival);
		return false;
	}
	if (!pp_is_on())
		return true;
	if (!is_ours(arrival)) {
		pp_identity_forget(arrival->fd);
		return true;
	}
	switch (pp_policy(pp_configuration(), arrival->fd, &proxy)) {
	case PP_POLICY_UNTRUSTED:
		return decide_bare(arrival, &proxy, "not trusted");
	case PP_POLICY_OTHER_PORT:
		pp_identity_forget(arrival->fd);
		return true;
	default:
		break;
	}
	pp_receive_start(&receive, arrival->fd, pp_configuration()->versions);
	received = pp_receive_step(&receive, false, peeked);
	if (received == PP_RECEIVED_MORE) {
		let_wait(arrival, &receive, &proxy);
		return false;
	}
	admitted = decide(arrival, received, &receive, peeked, &proxy);
	pp_receive_end(&receive);
	return admitted;
}

/* admit, as what is no cancellation point and keeps errno. */
static bool admit_undisturbed(struct arrival *arrival)
{
	int error = errno;
	bool admitted;
	int state;

	pthread_setcancelstate(PTHREAD_CANCEL_DISABLE, &state);
	admitted = admit(arrival);
	pthread_setcancelstate(state, NULL);
	errno = error;
	return admitted;
}

/* Makes a connection that waited what this call of accept would have made. */
static void set_flags(int fd, const struct pp_accept_call *call, bool nonblock)
{
	int asked = call->accept4 ? call->flags : 0;

	if (!(asked & SOCK_CLOEXEC))
		real_fcntl(fd, F_SETFD, 0);
	if (((asked & SOCK_NONBLOCK) != 0) != nonblock)
		real_fcntl(fd, F_SETFL,
		      real_fcntl(fd, F_GETFL, 0) ^ O_NONBLOCK);
}

/* The next one out of the waiting room, if there is one. */
static bool admit_from_room(struct arrival *arrival)
{
	struct pp_waiting waiting;
	int error = errno;
	bool admitted = false;
	int state;

	if (arrival->listener == NULL ||
	    !atomic_load(&arrival->listener->used))
		return false;
	pthread_setcancelstate(PTHREAD_CANCEL_DISABLE, &state);
	if (pp_listeners_leave(arrival->listener, &waiting)) {
		arrival->fd = waiting.receive.fd;
		arrival->name.length = pp_address_length(&waiting.proxy);
		memcpy(&arrival->name.storage, &waiting.proxy,
		       sizeof(waiting.proxy));
		set_flags(arrival->fd, arrival->call, waiting.nonblock);
		admitted = decide(arrival, waiting.received, &waiting.receive,
				  NULL, &waiting.proxy);
		pp_receive_end(&waiting.receive);
	}
	pthread_setcancelstate(state, NULL);
	errno = error;
	return admitted;
}

/* Does the program's accept block, on whatever it is called? */
static bool is_blocking(const struct arrival *arrival)
{
	int flags;

	if (arrival->listener != NULL)
		return pp_wait_blocks(arrival->listener);
	flags = real_fcntl(arrival->call->listener, F_GETFL, 0);
	return !(flags & O_NONBLOCK);
}

/* May accept(2), which failed, be tried again? */
static bool may_try_again(const struct arrival *arrival, enum pp_turn turn)
{
	struct pollfd queue = { .fd = arrival->call->listener,
				.events = POLLIN };
	int error = errno;
	bool again = false;

	switch (error) {
	case EMFILE:
	case ENFILE:
		/* accept(2) says so even where nobody is there */
		if (real_poll(&queue, 1, 0) == 1)
			again = pp_shortage_give_up_oldest();
		else if (turn == PP_TURN_KERNEL_NOW)
			again = pp_listeners_any_open();
		else if (pp_listeners_any_open() && !is_blocking(arrival))
			error = EAGAIN;
		break;
	case EAGAIN:
		again = turn == PP_TURN_KERNEL_NOW ||
			(arrival->listener != NULL &&
			 pp_wait_was_transient(arrival->listener));
		break;
	}
	errno = error;
	return again;
}

/* Accepts from the kernel's queue, where it is its turn. */
static bool admit_from_kernel(struct arrival *arrival,
			      struct pp_patience *patience)
{
	enum pp_turn turn = PP_TURN_KERNEL;

	if (arrival->listener != NULL)
		turn = pp_wait_turn(arrival->listener, patience);
	arrival->fd = -1;
	if (turn == PP_TURN_NONE)
		return true;
	if (turn == PP_TURN_ROOM)
		return false;
	arrival->name.length = sizeof(arrival->name.storage);
	arrival->fd = pp_wait_accept(arrival->call, turn, patience,
				     &arrival->name.sa, &arrival->name.length);
	if (arrival->fd < 0)
		return !may_try_again(arrival, turn);
	patience->turned_away = !admit_undisturbed(arrival);
	return !patience->turned_away;
}

/*
 * Gives an accepted connection and its name to the program. Only now is its
 * *length looked at: whatever else is wrong with a call the kernel says first.
 */
static int hand_over(const struct pp_accept_call *call, int fd,
		     const struct pp_kernel_name *name)
{
	int state;

	if (pp_sockaddr_copy_out(&name->sa, name->length, call->address,
				 call->length))
		return fd;
	pthread_setcancelstate(PTHREAD_CANCEL_DISABLE, &state);
	real_close(fd);
	pthread_setcancelstate(state, NULL);
	errno = EINVAL;
	return -1;
}

int pp_accept(const struct pp_accept_call *call)
{
	struct arrival arrival = { .call = call };
	struct pp_patience patience = { .waited = false };
	int error = errno;

	if (!pp_listeners_is_something_else(call->listener) &&
	    !pp_configuration_allows(call->listener))
		return -1;
	/* which was listened on by somebody else, perhaps */
	pp_configuration_report(by, call->listener);
	if (pp_configuration()->versions == PP_VERSION_NONE ||
	    (call->address != NULL && call->length == NULL))
		return pp_wait_accept(call, PP_TURN_KERNEL, &patience,
				      call->address, call->length);
	arrival.listener = pp_listeners_get(call->listener);
	while (!admit_from_room(&arrival) &&
	       !admit_from_kernel(&arrival, &patience))
		;
	if (arrival.fd < 0)
		return -1;
	errno = error;
	return hand_over(call, arrival.fd, &arrival.name);
}
