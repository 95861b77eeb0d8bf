/* SPDX-License-Identifier: ISC */
/*
 * Memory of a thread for what it receives and sends, so that no call has to get
 * some: it is kept until the thread ends. A signal handler that comes while it
 * is in use gets other memory for its call.
 */
#ifndef PP_PRELOAD_UDP_BUFFERS_H
#define PP_PRELOAD_UDP_BUFFERS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* What a thread has: for one datagram, or for many. */
enum pp_buffer_kind { PP_BUFFER_ONE, PP_BUFFER_MANY, PP_BUFFER_KINDS };

/* Only what is written to takes memory. */
#define PP_BUFFER_ONE_SIZE ((size_t)65536)
#define PP_BUFFER_MANY_SIZE ((size_t)5 << 20)

struct pp_buffer {
	void *memory;
	enum pp_buffer_kind kind;
	bool alone;	/* of this call, not of the thread */
};

/* For the library's constructor. */
void pp_buffers_start(void);

/* False with ENOMEM where there is no memory. Signal-safe. */
bool pp_buffer_take(struct pp_buffer *buffer, enum pp_buffer_kind kind);

/* Keeps errno. */
void pp_buffer_give(struct pp_buffer *buffer);

#endif
