/* SPDX-License-Identifier: ISC */
/*
 * Headers kept whole, by socket, for proxyproto_get_header: of a program that
 * asked for it, those that say more than their note does. Nobody tells when a
 * connection ends; the newest take the place of the oldest. Thread- and
 * signal-safe: locked, for a short time, with all signals blocked.
 */
#ifndef PP_PRELOAD_SERVER_KEPT_HEADERS_H
#define PP_PRELOAD_SERVER_KEPT_HEADERS_H

#include "preload/lock.h"
#include "protocol/address.h"

#include <stdint.h>

/* The memory for them: 8 MiB, of which what was used takes any. */
#define PP_KEPT_SIZE ((size_t)1 << 23)
#define PP_KEPT_CHAINS 4096

struct pp_kept_memory {
	uint64_t chains[PP_KEPT_CHAINS];	/* places: the newest of each */
	uint8_t ring[PP_KEPT_SIZE];
};

/* Zeroed it keeps nothing. */
struct pp_kept {
	void *_Atomic memory;	/* NULL until pp_kept_start */
	struct pp_lock lock;
	/* what follows is for the holder of the lock */
	bool is_changing;
	/*
	 * Places in the ring, counted on and on: what is further back than
	 * its size was written over. 0 is none.
	 */
	uint64_t end;
};

/* Keeps from now on. False where there is no memory. */
bool pp_kept_start(struct pp_kept *kept);

/* Was it started? One load. */
bool pp_kept_is_started(const struct pp_kept *kept);

/*
 * Keeps the header of the socket with this SO_COOKIE, whose peer the kernel
 * names so.
 */
void pp_kept_put(struct pp_kept *kept, uint64_t cookie,
		 const union pp_address *kernel, const uint8_t *bytes,
		 size_t length);

/*
 * The length of the header of that socket, of which as much is copied to bytes
 * as size allows; 0 where none is kept.
 */
size_t pp_kept_get(struct pp_kept *kept, uint64_t cookie,
		   const union pp_address *kernel, uint8_t *bytes,
		   size_t size);

/*
 * In a forked child. Where another thread was in the middle of a change here,
 * all headers are lost.
 */
void pp_kept_in_child(struct pp_kept *kept);

#endif
