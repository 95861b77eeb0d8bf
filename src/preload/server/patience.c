/* SPDX-License-Identifier: ISC */
/* A short wait for the header in accept; see patience.h. */
#include <config.h>

#include "preload/server/patience.h"

#include "preload/real.h"

/*
 * What is known of a listener's headers is one number: each that came in time
 * adds one, each that did not takes eight. It is waited for as long as that is
 * positive, so nine in ten must have come in time.
 */
#define IN_TIME 1
#define TOO_LATE (-8)
#define MOST 32
#define AT_FIRST 16	/* a listener has 0: it is added here */

static void add_to_record(struct pp_listener *listener, int change)
{
	int record = atomic_load(&listener->patience) + change;

	/* one that another thread adds meanwhile may be lost */
	if (record > MOST - AT_FIRST)
		record = MOST - AT_FIRST;
	if (record < -MOST - AT_FIRST)
		record = -MOST - AT_FIRST;
	atomic_store(&listener->patience, record);
}

void pp_patience_note(struct pp_listener *listener, int64_t accepted)
{
	add_to_record(listener, pp_now() - accepted <= PP_PATIENCE ? IN_TIME
								   : TOO_LATE);
}

/* Waits until something comes; poll(2)'s events, 0 for nothing in time. */
static short wait_for_bytes(int fd)
{
	struct pollfd connection = { .fd = fd, .events = POLLIN | POLLRDHUP };

	return real_poll(&connection, 1, PP_PATIENCE) == 1 ? connection.revents
							   : 0;
}

enum pp_received pp_patience_wait(struct pp_listener *listener,
				  const struct pp_settings *settings,
				  struct pp_receive *receive, uint8_t *peeked)
{
	enum pp_received received = PP_RECEIVED_MORE;
	short events;

	if (settings->trusted.at == NULL || settings->must_use ||
	    atomic_load(&listener->patience) + AT_FIRST <= 0)
		return received;
	events = wait_for_bytes(receive->fd);
	if (events != 0)
		received = pp_receive_step(receive, events != POLLIN, peeked);
	add_to_record(listener, received == PP_RECEIVED_MORE ? TOO_LATE
							     : IN_TIME);
	return received;
}
