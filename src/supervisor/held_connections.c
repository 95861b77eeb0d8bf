/* SPDX-License-Identifier: ISC */
/* Connections that are held; see held_connections.h. */
#include <config.h>

#include "supervisor/held_connections.h"

#include "connection/admission.h"
#include "connection/names.h"
#include "connection/patience.h"
#include "connection/report.h"
#include "connection/reset.h"
#include "supervisor/pending_calls.h"

#include <stdlib.h>
#include <unistd.h>

static struct pp_waiting *oldest, *newest;
static size_t count, most_late;

void pp_waiting_begin(size_t most)
{
	most_late = most;
}

static void link_late(struct pp_waiting *waiting)
{
	waiting->older = newest;
	*(newest != NULL ? &newest->newer : &oldest) = waiting;
	newest = waiting;
	count++;
	waiting->listener->late++;
}

/* It is late no more. */
static void end_lateness(struct pp_waiting *waiting)
{
	*(waiting->older != NULL ? &waiting->older->newer : &oldest) =
		waiting->newer;
	*(waiting->newer != NULL ? &waiting->newer->older : &newest) =
		waiting->older;
	count--;
	waiting->listener->late--;
	pp_timer_stop(&waiting->overdue);
	pp_loop_remove(waiting->receive.fd);
	pp_receive_set_low_water(waiting->receive.fd, waiting->low_water);
}

void pp_waiting_free(struct pp_waiting *waiting)
{
	pp_receive_free(&waiting->receive);
	free(waiting);
}

void pp_waiting_close(struct pp_waiting *waiting)
{
	pp_receive_stop_linger(waiting->receive.fd);
	close(waiting->receive.fd);
	pp_waiting_free(waiting);
}

void pp_waiting_admit(struct pp_waiting *waiting, const uint8_t *peeked)
{
	const struct pp_header *header = &waiting->receive.header;

	waiting->name = waiting->proxy;
	if (waiting->decision.admission != PP_ADMIT_HEADER)
		return;
	waiting->receive.keep = waiting->rules->settings.debug;
	pp_receive_keep(&waiting->receive, peeked);
	if (!pp_note_write_header(waiting->receive.fd, &waiting->proxy, header))
		pp_report_outcome(&waiting->rules->settings, "accept",
				  waiting->receive.fd, &waiting->proxy, "not remembered",
				  "its socket takes no note");
	pp_names_show_client(&waiting->rules->settings, &header->source,
			     waiting->proxy.sa.sa_family, NULL, &waiting->name);
}

/*
 * It is the last of those that are ready. What is done about it is done a little
 * later: one of its listener's calls may be dealt with just now.
 */
static void add_ready(struct pp_waiting *waiting)
{
	struct pp_listener *listener = waiting->listener;

	*(listener->last_ready != NULL ? &listener->last_ready->next
				       : &listener->first_ready) = waiting;
	listener->last_ready = waiting;
	if (waiting->pending != NULL) {
		/* waiting for it has been paying off */
		listener->patience =
			pp_patience_count(listener->patience, true);
		pp_pending_join_listener(waiting->pending);
	}
	pp_knock_soon(listener, 0);
}

void pp_waiting_reset(struct pp_waiting *waiting)
{
	pp_reset_connection(waiting->receive.fd, &waiting->proxy);
	waiting->name = waiting->proxy;
}

/*
 * The program has never heard of it; or it may have been told that there is
 * somebody, and its call waits for this one.
 */
static void end_refused(struct pp_waiting *waiting)
{
	pp_report_outcome(&waiting->rules->settings, "accept",
			  waiting->receive.fd, &waiting->proxy, "dropped",
			  waiting->decision.reason);
	if (waiting->pending == NULL) {
		pp_waiting_close(waiting);
		return;
	}
	pp_waiting_reset(waiting);
	add_ready(waiting);
}

/* Goes on with one, by what was received of it. */
static void judge_late(struct pp_waiting *waiting, enum pp_received received,
		       const uint8_t *peeked)
{
	waiting->decision = pp_admission_judge_received(
		&waiting->rules->settings, &waiting->receive, received);
	if (waiting->decision.admission == PP_ADMIT_WAIT) {
		pp_receive_expect_rest(&waiting->receive);
		return;
	}
	end_lateness(waiting);
	if (waiting->decision.admission == PP_ADMIT_REFUSED) {
		end_refused(waiting);
		return;
	}
	pp_waiting_admit(waiting, peeked);
	add_ready(waiting);
}

static void late_moved(struct pp_event *event, uint32_t events)
{
	struct pp_waiting *waiting = PP_WHOLE(event, struct pp_waiting, moved);
	uint8_t peeked[PP_RECEIVE_PEEK];

	bool last = (events & ~(uint32_t)EPOLLIN) != 0;

	judge_late(waiting, pp_receive_try(&waiting->receive, last, peeked),
		   peeked);
}

static void late_overdue(struct pp_timer *timer)
{
	struct pp_waiting *waiting =
		PP_WHOLE(timer, struct pp_waiting, overdue);
	uint8_t peeked[PP_RECEIVE_PEEK];

	waiting->receive.is_overdue = true;
	judge_late(waiting, pp_receive_try(&waiting->receive, true, peeked),
		   peeked);
}

bool pp_waiting_give_up_oldest(void)
{
	if (oldest == NULL)
		return false;
	late_overdue(&oldest->overdue);
	return true;
}

struct pp_waiting *pp_waiting_add_late(struct pp_listener *listener,
				       const struct pp_rules *rules,
				       const union pp_address *proxy,
				       const struct pp_receive *receive)
{
	struct pp_waiting *waiting = calloc(1, sizeof(*waiting));

	if (waiting == NULL)
		return NULL;
	waiting->receive = *receive;
	waiting->listener = listener;
	waiting->rules = rules;
	waiting->proxy = *proxy;
	waiting->moved.ready = late_moved;
	waiting->overdue.expired = late_overdue;
	if (!pp_timer_start(&waiting->overdue,
			    pp_now_ms() + rules->settings.timeout)) {
		free(waiting);
		return NULL;
	}
	waiting->low_water = pp_receive_expect_rest(&waiting->receive);
	if (!pp_loop_add(receive->fd, EPOLLIN | EPOLLRDHUP, &waiting->moved)) {
		pp_receive_set_low_water(receive->fd, waiting->low_water);
		pp_timer_stop(&waiting->overdue);
		free(waiting);
		return NULL;
	}
	link_late(waiting);
	if (count > most_late)
		pp_waiting_give_up_oldest();
	return waiting;
}

void pp_waiting_put_back(struct pp_waiting *waiting)
{
	struct pp_listener *listener = waiting->listener;

	waiting->next = listener->first_ready;
	listener->first_ready = waiting;
	if (waiting->next == NULL)
		listener->last_ready = waiting;
}

void pp_waiting_keep(struct pp_listener *listener,
		     const struct pp_waiting *connection)
{
	struct pp_waiting *waiting = malloc(sizeof(*waiting));

	if (waiting == NULL) {
		close(connection->receive.fd);
		return;
	}
	*waiting = *connection;
	waiting->listener = listener;
	pp_waiting_put_back(waiting);
}

struct pp_waiting *pp_waiting_take_ready(struct pp_listener *listener)
{
	struct pp_waiting *waiting = listener->first_ready;

	if (waiting != NULL) {
		listener->first_ready = waiting->next;
		if (waiting->next == NULL)
			listener->last_ready = NULL;
		waiting->next = NULL;
	}
	return waiting;
}
