/* SPDX-License-Identifier: ISC */
/* Descriptors are short; see shortage.h. */
#include <config.h>

#include "preload/server/shortage.h"

#include "preload/server/listeners.h"

#include <sys/resource.h>

static bool count_waiting(struct pp_listener *listener, void *argument)
{
	size_t *count = argument;

	*count += listener->room.count;
	return false;
}

/* Looks for the room of who has waited longest: keeps it in *argument. */
static bool compare_oldest(struct pp_listener *listener, void *argument)
{
	struct pp_listener **oldest = argument;
	const struct pp_waiting *first = listener->room.oldest;

	if (first != NULL &&
	    (*oldest == NULL ||
	     first->deadline < (*oldest)->room.oldest->deadline))
		*oldest = listener;
	return false;
}

bool pp_shortage_give_up_oldest(void)
{
	struct pp_listener *oldest;

	do {
		oldest = NULL;
		pp_listeners_any_room(compare_oldest, &oldest);
		if (oldest != NULL && pp_listeners_give_up_oldest(oldest))
			return true;
	} while (oldest != NULL);
	return false;
}

void pp_shortage_make_room(void)
{
	struct rlimit limit;
	size_t count = 0;

	if (!pp_listeners_any_room(count_waiting, &count) &&
	    getrlimit(RLIMIT_NOFILE, &limit) == 0 &&
	    count >= limit.rlim_cur / 2)
		pp_shortage_give_up_oldest();
}
