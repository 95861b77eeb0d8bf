/* SPDX-License-Identifier: ISC */
/*
 * Headers kept whole, by descriptor: of those connections whose header says
 * more than their record (record.h) holds. Memory is bounded: where it is
 * used up, the oldest header makes room. Not thread-safe but where it says so:
 * the caller locks (preload/headers_kept.c).
 */
#ifndef PP_PRELOAD_SERVER_KEPT_H
#define PP_PRELOAD_SERVER_KEPT_H

#include "preload/table.h"
#include "protocol/address.h"

#include <stdint.h>

/*
 * All headers lie in pieces of this size, which are mapped so many at a time
 * and kept for the next ones: 64 KiB and 32 MiB.
 */
#define PP_KEPT_PIECE 512
#define PP_KEPT_BATCH 128
#define PP_KEPT_BATCHES 512

struct pp_kept_piece;

/* Zeroed it is empty. */
struct pp_kept {
	struct pp_kept_piece *_Atomic near[PP_TABLE_NEAR];
	struct pp_table table;	/* further descriptors */
	struct pp_kept_piece *oldest;
	struct pp_kept_piece *newest;
	struct pp_kept_piece *spare;
	size_t batches;		/* mapped so far */
	_Atomic size_t count;	/* of headers */
};

/*
 * Keeps the header of fd, which came from proxy, in place of an older one.
 * False where there is no memory; then none is kept of fd.
 */
bool pp_kept_put(struct pp_kept *kept, int fd, const union pp_address *proxy,
		 const uint8_t *bytes, size_t length);

/*
 * The length of the header of fd, of which as much is copied to bytes as size
 * allows; 0 where none is kept, or of another proxy.
 */
size_t pp_kept_get(struct pp_kept *kept, int fd,
		   const union pp_address *proxy, uint8_t *bytes, size_t size);

/* Drops the header of fd. */
void pp_kept_drop(struct pp_kept *kept, int fd);

/* Keeps for the descriptor to what is kept for from, or nothing. */
void pp_kept_duplicate(struct pp_kept *kept, int from, int to);

/* Is one kept for fd? A few loads, without a lock. */
bool pp_kept_has(struct pp_kept *kept, int fd);

/* The memory mapped so far, in bytes. */
size_t pp_kept_memory(const struct pp_kept *kept);

#endif
