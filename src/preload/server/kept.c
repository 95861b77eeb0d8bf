/* SPDX-License-Identifier: ISC */
/* Headers kept whole; see kept.h. */
#include <config.h>

#include "preload/server/kept.h"

#include "check.h"
#include "memory.h"

#include <stdatomic.h>
#include <string.h>

/* A header's first piece knows of the header, all of them have bytes of it. */
struct pp_kept_piece {
	struct pp_kept_piece *next;	/* of the same header, or spare */
	struct pp_kept_piece *older;
	struct pp_kept_piece *newer;
	size_t length;
	int fd;
	union pp_address proxy;
	uint8_t bytes[];
};

#define ROOM (PP_KEPT_PIECE - sizeof(struct pp_kept_piece))

static struct pp_kept_piece *_Atomic *find_slot(struct pp_kept *kept, int fd,
						bool make)
{
	return pp_table_slot(&kept->table, kept->near, sizeof(*kept->near), fd,
			     make);
}

static struct pp_kept_piece *find(struct pp_kept *kept, int fd)
{
	struct pp_kept_piece *_Atomic *slot = find_slot(kept, fd, false);

	return slot == NULL ? NULL
			    : atomic_load_explicit(slot, memory_order_relaxed);
}

bool pp_kept_has(struct pp_kept *kept, int fd)
{
	return atomic_load_explicit(&kept->count, memory_order_relaxed) != 0 &&
	       find(kept, fd) != NULL;
}

size_t pp_kept_memory(const struct pp_kept *kept)
{
	return kept->batches * PP_KEPT_BATCH * PP_KEPT_PIECE;
}

void pp_kept_drop(struct pp_kept *kept, int fd)
{
	struct pp_kept_piece *first = find(kept, fd), *last = first;

	if (first == NULL)
		return;
	atomic_store_explicit(find_slot(kept, fd, false), NULL,
			      memory_order_relaxed);
	atomic_fetch_sub_explicit(&kept->count, 1, memory_order_relaxed);
	if (first->older != NULL)
		first->older->newer = first->newer;
	else
		kept->oldest = first->newer;
	if (first->newer != NULL)
		first->newer->older = first->older;
	else
		kept->newest = first->older;
	while (last->next != NULL)
		last = last->next;
	last->next = kept->spare;
	kept->spare = first;
}

/* Maps a batch of pieces, all of them spare. */
static bool grow(struct pp_kept *kept)
{
	char *batch;

	if (kept->batches == PP_KEPT_BATCHES)
		return false;
	batch = pp_memory_map((size_t)PP_KEPT_BATCH * PP_KEPT_PIECE);
	if (batch == NULL)
		return false;
	kept->batches++;
	for (size_t i = 0; i < PP_KEPT_BATCH; i++) {
		struct pp_kept_piece *piece = (void *)(batch +
						       i * PP_KEPT_PIECE);

		piece->next = kept->spare;
		kept->spare = piece;
	}
	return true;
}

/* A piece to write to. NULL where there is none, though no header is kept. */
static struct pp_kept_piece *take_spare(struct pp_kept *kept)
{
	struct pp_kept_piece *piece;

	while (kept->spare == NULL && !grow(kept)) {
		if (kept->oldest == NULL)
			return NULL;
		pp_kept_drop(kept, kept->oldest->fd);
	}
	piece = kept->spare;
	kept->spare = piece->next;
	piece->next = NULL;
	return piece;
}

static void give_back(struct pp_kept *kept, struct pp_kept_piece *first)
{
	while (first != NULL) {
		struct pp_kept_piece *next = first->next;

		first->next = kept->spare;
		kept->spare = first;
		first = next;
	}
}

/* Pieces for so many bytes, or NULL. Older headers may be gone then. */
static struct pp_kept_piece *take(struct pp_kept *kept, size_t length)
{
	struct pp_kept_piece *first = NULL, **end = &first;

	for (size_t at = 0; at < length; at += ROOM) {
		*end = take_spare(kept);
		if (*end == NULL) {
			give_back(kept, first);
			return NULL;
		}
		end = &(*end)->next;
	}
	return first;
}

/* Makes it the header of fd, which has none. */
static void link_header(struct pp_kept *kept,
			struct pp_kept_piece *_Atomic *slot,
			struct pp_kept_piece *first)
{
	first->newer = NULL;
	first->older = kept->newest;
	if (kept->newest != NULL)
		kept->newest->newer = first;
	else
		kept->oldest = first;
	kept->newest = first;
	atomic_store_explicit(slot, first, memory_order_relaxed);
	atomic_fetch_add_explicit(&kept->count, 1, memory_order_relaxed);
}

bool pp_kept_put(struct pp_kept *kept, int fd, const union pp_address *proxy,
		 const uint8_t *bytes, size_t length)
{
	struct pp_kept_piece *_Atomic *slot = find_slot(kept, fd, true);
	struct pp_kept_piece *first, *piece;

	PP_CHECK(length > 0);
	pp_kept_drop(kept, fd);
	first = slot == NULL ? NULL : take(kept, length);
	if (first == NULL)
		return false;
	first->length = length;
	first->fd = fd;
	first->proxy = *proxy;
	piece = first;
	for (size_t at = 0; at < length; at += ROOM) {
		memcpy(piece->bytes, bytes + at,
		       length - at < ROOM ? length - at : ROOM);
		piece = piece->next;
	}
	link_header(kept, slot, first);
	return true;
}

void pp_kept_duplicate(struct pp_kept *kept, int from, int to)
{
	struct pp_kept_piece *_Atomic *slot = find_slot(kept, to, true);
	const struct pp_kept_piece *original = find(kept, from);
	struct pp_kept_piece *first, *piece;

	pp_kept_drop(kept, to);
	if (slot == NULL || original == NULL)
		return;
	first = take(kept, original->length);
	if (find(kept, from) == NULL) {
		give_back(kept, first);
		return;
	}
	if (first == NULL)
		return;
	first->length = original->length;
	first->fd = to;
	first->proxy = original->proxy;
	for (piece = first; piece != NULL; piece = piece->next) {
		memcpy(piece->bytes, original->bytes, ROOM);
		original = original->next;
	}
	link_header(kept, slot, first);
}

size_t pp_kept_get(struct pp_kept *kept, int fd,
		   const union pp_address *proxy, uint8_t *bytes, size_t size)
{
	const struct pp_kept_piece *first = find(kept, fd), *piece = first;

	if (first == NULL || !pp_address_equal(&first->proxy, proxy))
		return 0;
	if (size > first->length)
		size = first->length;
	for (size_t at = 0; at < size; at += ROOM) {
		memcpy(bytes + at, piece->bytes,
		       size - at < ROOM ? size - at : ROOM);
		piece = piece->next;
	}
	return first->length;
}
