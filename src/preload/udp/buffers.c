/* SPDX-License-Identifier: ISC */
/* A thread's memory; see buffers.h. */
#include <config.h>

#include "preload/udp/buffers.h"

#include "memory.h"

#include <errno.h>
#include <pthread.h>
#include <signal.h>
#include <stdatomic.h>

static const size_t sizes[PP_BUFFER_KINDS] = {
	[PP_BUFFER_ONE] = PP_BUFFER_ONE_SIZE,
	[PP_BUFFER_MANY] = PP_BUFFER_MANY_SIZE,
};

__thread struct pp_kept pp_kept[PP_BUFFER_KINDS]
	__attribute__((tls_model("initial-exec")));

static pthread_key_t key;
static bool has_key;

static void free_kept(void *value)
{
	struct pp_kept *of_thread = value;

	for (int i = 0; i < PP_BUFFER_KINDS; i++) {
		void *memory = of_thread[i].memory;

		/* first: a handler that comes now gets some anew */
		of_thread[i].memory = NULL;
		of_thread[i].holder = NULL;
		atomic_signal_fence(memory_order_seq_cst);
		if (memory != NULL)
			munmap(memory, sizes[i]);
	}
}

void pp_buffers_start(void)
{
	has_key = pthread_key_create(&key, free_kept) == 0;
}

/*
 * Is a call in the middle of using it, whose signal handler this is? The stack
 * grows towards lower addresses: a call further up it than the holder comes
 * after that is over, though it did not come back, as its handler jumped out.
 */
static bool is_held(const struct pp_kept *of_kind, const void *here)
{
	const void *holder = of_kind->holder;
	stack_t stack;

	if (holder == NULL)
		return false;
	return (uintptr_t)here < (uintptr_t)holder ||
	       sigaltstack(NULL, &stack) != 0 ||
	       (stack.ss_flags & SS_ONSTACK);
}

/* The thread's own memory, which is made the first time; NULL without any. */
static void *hold_kept(struct pp_kept *of_kind, enum pp_buffer_kind kind,
		       const void *here)
{
	/* first: a handler that comes now finds it held */
	of_kind->holder = here;
	atomic_signal_fence(memory_order_seq_cst);
	if (of_kind->memory == NULL) {
		of_kind->memory = pp_memory_map(sizes[kind]);
		if (of_kind->memory != NULL)
			pthread_setspecific(key, pp_kept);
		else
			of_kind->holder = NULL;
	}
	return of_kind->memory;
}

bool pp_buffer_take_first(struct pp_buffer *buffer, enum pp_buffer_kind kind)
{
	int error = errno;

	buffer->kind = kind;
	buffer->alone = !has_key || is_held(&pp_kept[kind], buffer);
	if (buffer->alone)
		buffer->memory = pp_memory_map(sizes[kind]);
	else
		buffer->memory = hold_kept(&pp_kept[kind], kind, buffer);
	/* not EAGAIN, as of memory that cannot be locked: that is of sockets */
	errno = buffer->memory != NULL ? error : ENOMEM;
	return buffer->memory != NULL;
}

void pp_buffer_give_alone(struct pp_buffer *buffer)
{
	int error = errno;

	munmap(buffer->memory, sizes[buffer->kind]);
	errno = error;
}
