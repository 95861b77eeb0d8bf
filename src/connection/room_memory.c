/* SPDX-License-Identifier: ISC */
/*
 * The memory of the waiting room; see room.h. It is kept for the next
 * connections, and none of it moves: what is in the room is a list.
 */
#include <config.h>

#include "connection/room.h"

#include "memory.h"

/* Memory is first mapped for so many. */
#define FIRST_BATCH 32u

/* The batch that has the nth place: each has twice as many as that before. */
static unsigned batch_of(uint32_t n)
{
	return 31 - (unsigned)__builtin_clz(n / FIRST_BATCH + 1);
}

/* The nth place, of a batch that is there. */
static struct pp_waiting *place_of(const struct pp_room *room, uint32_t n)
{
	uint32_t before = (FIRST_BATCH << batch_of(n)) - FIRST_BATCH;

	return room->batches[batch_of(n)] + (n - before);
}

struct pp_waiting *pp_room_get_memory(struct pp_room *room)
{
	struct pp_waiting *waiting = room->spare;
	unsigned batch = batch_of(room->made);
	size_t size = ((size_t)FIRST_BATCH << batch) * sizeof(*waiting);

	if (waiting != NULL) {
		room->spare = waiting->next;
		return waiting;
	}
	if (room->batches[batch] == NULL)
		room->batches[batch] = pp_memory_map(size);
	if (room->batches[batch] == NULL)
		return NULL;
	waiting = place_of(room, room->made);
	waiting->key = ++room->made;
	return waiting;
}

void pp_room_give_memory_back(struct pp_room *room, struct pp_waiting *waiting)
{
	waiting->next = room->spare;
	room->spare = waiting;
}

struct pp_waiting *pp_room_find(const struct pp_room *room, uint64_t key)
{
	uint32_t n = (uint32_t)key - 1;
	struct pp_waiting *waiting = n < room->made ? place_of(room, n) : NULL;

	return waiting != NULL && waiting->key == key ? waiting : NULL;
}
