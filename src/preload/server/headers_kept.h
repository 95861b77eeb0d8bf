/* SPDX-License-Identifier: ISC */
/*
 * The headers of this process's connections that say more than their
 * addresses (core/kept.h), under a lock. Thread- and signal-safe. Not for a
 * process that has another's memory, as a child of vfork does.
 */
#ifndef PP_PRELOAD_SERVER_HEADERS_KEPT_H
#define PP_PRELOAD_SERVER_HEADERS_KEPT_H

#include "protocol/address.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#ifdef PP_GETPEERNAME_CACHE

/*
 * In a forked child. Where another thread was in the middle of a change here,
 * all of them are lost.
 */
void pp_headers_note_fork(void);

/* Is one kept for fd? No lock and no system call: it is asked at each close. */
bool pp_headers_have(int fd);

/* Keeps the header of fd, from proxy, if there is memory for it. */
void pp_headers_keep(int fd, const union pp_address *proxy,
		     const uint8_t *bytes, size_t length);

/* As pp_kept_get. */
size_t pp_headers_get(int fd, const union pp_address *proxy, uint8_t *bytes,
		      size_t size);

/* Frees that of fd. */
void pp_headers_drop(int fd);

/* Keeps for the descriptor to what is kept for from, or nothing. */
void pp_headers_duplicate(int from, int to);

#else

static inline void pp_headers_note_fork(void)
{
}

#endif

#endif
