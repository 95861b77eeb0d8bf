/* SPDX-License-Identifier: ISC */
/* Calls that wait; see pending_calls.h. */
#include <config.h>

#include "supervisor/pending_calls.h"

#include "supervisor/held_connections.h"

#include <stdlib.h>

#define BUCKETS 4096

static struct pp_pending *buckets[BUCKETS];

static struct pp_pending **bucket_of(int tid)
{
	return &buckets[(unsigned)tid % BUCKETS];
}

static void leave_listener(struct pp_pending *pending)
{
	struct pp_pending_list *list = &pending->listener->pending;

	*(pending->previous_here != NULL ? &pending->previous_here->next_here
					 : &list->first) = pending->next_here;
	*(pending->next_here != NULL ? &pending->next_here->previous_here
				     : &list->last) = pending->previous_here;
}

static void join_listener(struct pp_pending *pending)
{
	struct pp_pending_list *list = &pending->listener->pending;

	pending->previous_here = list->last;
	pending->next_here = NULL;
	*(list->last != NULL ? &list->last->next_here : &list->first) = pending;
	list->last = pending;
}

void pp_pending_await(struct pp_pending *pending, struct pp_waiting *awaited)
{
	leave_listener(pending);
	pending->awaited = awaited;
	pending->was_patient = true;
	awaited->pending = pending;
}

void pp_pending_join_listener(struct pp_pending *pending)
{
	struct pp_pending_list *list = &pending->listener->pending;

	pending->awaited->pending = NULL;
	pending->awaited = NULL;
	pp_timer_stop(&pending->timeout);
	pending->previous_here = NULL;
	pending->next_here = list->first;
	*(list->first != NULL ? &list->first->previous_here : &list->last) =
		pending;
	list->first = pending;
}

struct pp_pending *pp_pending_add(const struct pp_call *call,
				  struct pp_listener *listener,
				  struct pp_tracee *process)
{
	struct pp_pending *pending = calloc(1, sizeof(*pending));

	if (pending == NULL)
		return NULL;
	pending->call = *call;
	pending->listener = listener;
	pending->process = process;
	pending->next = *bucket_of(call->tid);
	*bucket_of(call->tid) = pending;
	pending->next_of = process->pending;
	if (process->pending != NULL)
		process->pending->previous_of = pending;
	process->pending = pending;
	join_listener(pending);
	return pending;
}

void pp_pending_end(struct pp_pending *pending)
{
	struct pp_pending **at = bucket_of(pending->call.tid);

	while (*at != pending)
		at = &(*at)->next;
	*at = pending->next;
	*(pending->previous_of != NULL ? &pending->previous_of->next_of
				       : &pending->process->pending) =
		pending->next_of;
	if (pending->next_of != NULL)
		pending->next_of->previous_of = pending->previous_of;
	if (pending->awaited != NULL)
		pending->awaited->pending = NULL;
	else
		leave_listener(pending);
	pp_timer_stop(&pending->timeout);
	free(pending);
}

struct pp_pending *pp_pending_of(int tid)
{
	struct pp_pending *pending = *bucket_of(tid);

	while (pending != NULL && pending->call.tid != tid)
		pending = pending->next;
	return pending;
}

void pp_pending_is_over(int tid)
{
	struct pp_pending *pending = pp_pending_of(tid);

	if (pending != NULL)
		pp_pending_end(pending);
}

void pp_pending_are_over(struct pp_tracee *process)
{
	while (process->pending != NULL)
		pp_pending_end(process->pending);
}
