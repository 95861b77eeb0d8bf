/* SPDX-License-Identifier: ISC */
/*
 * The memory of the waiting room; see room.h. It is kept for the next
 * connections, and none of it moves: what is in the room is a list.
 */
#include <config.h>

#include "connection/room.h"

#include "memory.h"

/* Memory is first mapped for so many. */
#define BATCH 32

/*
 * Where a connection of that index is in the room's memory: the first batch
 * has BATCH of them, each further one twice as many as that before.
 */
static struct pp_waiting *at_index(const struct pp_room *room, uint32_t index)
{
	size_t batch = 0, first = 0, size = BATCH;

	while (batch < PP_ROOM_BATCHES && index >= first + size) {
		first += size;
		size *= 2;
		batch++;
	}
	return batch < PP_ROOM_BATCHES && room->batches[batch] != NULL
		       ? &room->batches[batch][index - first]
		       : NULL;
}

/* Maps the batch that follows those there are. */
static bool add_batch(struct pp_room *room)
{
	size_t batch = 0;

	while (batch < PP_ROOM_BATCHES && room->batches[batch] != NULL)
		batch++;
	if (batch == PP_ROOM_BATCHES)
		return false;
	room->batches[batch] = pp_memory_map(((size_t)BATCH << batch) *
					    sizeof(struct pp_waiting));
	return room->batches[batch] != NULL;
}

struct pp_waiting *pp_room_get_memory(struct pp_room *room)
{
	struct pp_waiting *waiting = room->spare;

	if (waiting != NULL) {
		room->spare = waiting->next;
		return waiting;
	}
	if (at_index(room, room->made) == NULL && !add_batch(room))
		return NULL;
	waiting = at_index(room, room->made);
	waiting->index = room->made++;
	return waiting;
}

void pp_room_give_memory_back(struct pp_room *room, struct pp_waiting *waiting)
{
	waiting->generation++;
	waiting->queued = false;
	waiting->next = room->spare;
	room->spare = waiting;
}

void pp_room_reset_memory(struct pp_room *room)
{
	room->made = 0;
	room->spare = NULL;
}

uint64_t pp_room_key(const struct pp_waiting *waiting)
{
	return (uint64_t)waiting->generation << 32 | (waiting->index + 1);
}

struct pp_waiting *pp_room_find(const struct pp_room *room, uint64_t key)
{
	struct pp_waiting *waiting = at_index(room, (uint32_t)key - 1);

	return waiting != NULL && waiting->queued && pp_room_key(waiting) == key
		       ? waiting
		       : NULL;
}
