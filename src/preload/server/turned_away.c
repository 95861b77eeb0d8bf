/* SPDX-License-Identifier: ISC */
/* Connections that accept does not hand over; see turned_away.h. */
#include <config.h>

#include "preload/server/turned_away.h"

#include "connection/report.h"
#include "connection/reset.h"
#include "preload/configuration.h"
#include "preload/real.h"
#include "preload/server/rooms.h"

#include <fcntl.h>

/* So often the kernel's queue is tried once more, in one call of accept. */
#define TRIES 64

/* May accept go on with the next connection instead? See turned_away.h. */
static bool may_go_on(struct pp_arrival *arrival)
{
	struct pp_listener *listener = arrival->listener;

	if (listener == NULL)
		return false;
	if (pp_wait_blocks(listener)) {
		if (!atomic_load(&listener->only_accepted))
			return false;
		pp_wait_start(listener, &arrival->wait);
		return true;
	}
	return atomic_load(&listener->was_told_eagain) &&
	       ++arrival->more_tries <= TRIES;
}

enum pp_accepted pp_accept_refused(struct pp_arrival *arrival,
				   const char *reason)
{
	pp_arrival_outcome(arrival, "dropped", reason);
	if (may_go_on(arrival)) {
		pp_receive_stop_linger(arrival->fd);
		real_close(arrival->fd);
		return PP_ACCEPT_AGAIN;
	}
	pp_reset_connection(arrival->fd, &arrival->proxy);
	return PP_ACCEPTED;
}

static bool start_waiting(const struct pp_arrival *arrival,
			  struct pp_receive *receive)
{
	struct pp_waiting waiting = {
		.receive = *receive,
		.proxy = arrival->proxy,
		.deadline = pp_now_ms() + pp_configuration()->timeout,
	};

	waiting.receive.keep =
		pp_headers_are_kept() || pp_configuration()->debug;
	return pp_rooms_enter(arrival->listener, &waiting);
}

/* Moves it to the lowest number that is free, as accept(2) would have it. */
static int move_to_lowest(int fd, int flags)
{
	int command = flags & SOCK_CLOEXEC ? F_DUPFD_CLOEXEC : F_DUPFD;
	int lowest = fcntl(fd, command, 0);

	if (lowest < 0)
		return fd;
	real_close(lowest > fd ? lowest : fd);
	return lowest > fd ? fd : lowest;
}

enum pp_accepted pp_accept_waits(struct pp_arrival *arrival,
				 struct pp_receive *receive, const char *reason)
{
	bool goes_on = may_go_on(arrival);
	int stand_in;

	pp_arrival_outcome(arrival, "waits", reason);
	/* made first: there may be no descriptor for it */
	stand_in = goes_on ? -1
			   : pp_reset_stand_in(arrival->fd, &arrival->proxy,
					       arrival->call->flags);
	if ((goes_on || stand_in >= 0) && start_waiting(arrival, receive)) {
		if (goes_on)
			return PP_ACCEPT_AGAIN;
		arrival->fd = move_to_lowest(stand_in, arrival->call->flags);
		return PP_ACCEPTED;
	}
	if (stand_in >= 0)
		real_close(stand_in);
	pp_receive_free(receive);
	return pp_accept_refused(arrival,
				 "it cannot wait: no descriptor or memory");
}

/* Hands over what stands in for a connection that is in the room. */
static enum pp_accepted stand_in_for_waiting(struct pp_arrival *arrival)
{
	pp_arrival_set_proxy(arrival, &arrival->look.peer);
	/* its own descriptor is the room's: the listener's address will do */
	arrival->fd = pp_reset_stand_in(arrival->call->listener,
					&arrival->proxy, arrival->call->flags);
	return arrival->fd < 0 ? PP_ACCEPT_FAILED : PP_ACCEPTED;
}

enum pp_accepted pp_accept_nobody(struct pp_arrival *arrival)
{
	struct pp_listener *listener = arrival->listener;

	if (pp_was_told_readable(arrival))
		return stand_in_for_waiting(arrival);
	if (!arrival->look.more) {
		atomic_store(&listener->was_told_eagain, true);
		return PP_ACCEPT_FAILED;
	}
	/* who waits has a peer; until one is looked at, the room gets shorter */
	return ++arrival->more_tries <= TRIES ||
			       arrival->look.peer.sa.sa_family == AF_UNSPEC
		       ? PP_ACCEPT_AGAIN
		       : stand_in_for_waiting(arrival);
}
