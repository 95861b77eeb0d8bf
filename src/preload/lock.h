/* SPDX-License-Identifier: ISC */
/*
 * A lock for what hooks share. Whoever holds it has all signals blocked, so
 * that no handler finds it held by its own thread. Held for a short time only,
 * and over no call that is a cancellation point. fork must wait for it.
 */
#ifndef PP_LOCK_H
#define PP_LOCK_H

#include <sched.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdbool.h>

/* Zeroed it is free. */
struct pp_lock {
	_Atomic bool held;
};

/* Takes the lock; *before is for pp_lock_release. */
static inline void pp_lock_take(struct pp_lock *lock, sigset_t *before)
{
	sigset_t all;

	sigfillset(&all);
	pthread_sigmask(SIG_SETMASK, &all, before);
	while (atomic_exchange_explicit(&lock->held, true,
					memory_order_acquire))
		sched_yield();
}

static inline void pp_lock_release(struct pp_lock *lock,
				   const sigset_t *before)
{
	atomic_store_explicit(&lock->held, false, memory_order_release);
	pthread_sigmask(SIG_SETMASK, before, NULL);
}

#endif
