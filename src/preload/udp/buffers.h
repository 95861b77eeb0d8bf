/* SPDX-License-Identifier: ISC */
/*
 * Memory of a thread for what it receives and sends, so that no call has to get
 * some: it is kept until the thread ends. A signal handler that comes while it
 * is in use gets other memory for its call.
 */
#ifndef PP_PRELOAD_UDP_BUFFERS_H
#define PP_PRELOAD_UDP_BUFFERS_H

#include <stdatomic.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/uio.h>

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

/* Is not a byte in any of a message's parts? */
static inline bool pp_parts_are_empty(const struct iovec *parts, int count)
{
	for (int i = 0; i < count; i++)
		if (parts[i].iov_len > 0)
			return false;
	return true;
}

/* For the library's constructor. */
void pp_buffers_start(void);

/*
 * A thread's memory of each kind. It is in use where the holder is not NULL:
 * an address on the stack of the call that has it. Only for what follows.
 */
struct pp_kept {
	void *memory;
	const void *volatile holder;
};

/* In the room that the loader sets aside: nothing is allocated for it. */
extern __thread struct pp_kept pp_kept[PP_BUFFER_KINDS]
	__attribute__((tls_model("initial-exec"), visibility("hidden")));

bool pp_buffer_take_first(struct pp_buffer *buffer, enum pp_buffer_kind kind);
void pp_buffer_give_alone(struct pp_buffer *buffer);

/* False with ENOMEM where there is no memory. Signal-safe. Keeps errno. */
static inline bool pp_buffer_take(struct pp_buffer *buffer,
				  enum pp_buffer_kind kind)
{
	struct pp_kept *kept = &pp_kept[kind];

	if (kept->memory == NULL || kept->holder != NULL)
		return pp_buffer_take_first(buffer, kind);
	/* first: a handler that comes now finds it held */
	kept->holder = buffer;
	atomic_signal_fence(memory_order_seq_cst);
	buffer->memory = kept->memory;
	buffer->kind = kind;
	buffer->alone = false;
	return true;
}

/* Keeps errno. */
static inline void pp_buffer_give(struct pp_buffer *buffer)
{
	if (buffer->alone)
		pp_buffer_give_alone(buffer);
	else
		pp_kept[buffer->kind].holder = NULL;
}

#endif
