/* SPDX-License-Identifier: ISC */
/*
 * A lock for what hooks share. Whoever holds it has all signals blocked, so
 * that no handler finds it held by its own thread, and cannot be cancelled:
 * close and others that are called meanwhile are cancellation points. Held for
 * a short time only. fork must wait for it.
 */
#ifndef PP_LOCK_H
#define PP_LOCK_H

#include <pthread.h>
#include <sched.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdbool.h>

/* Zeroed it is free. */
struct pp_lock {
	_Atomic bool held;
	int cancel_state;	/* the holder's, before */
};

/* Takes the lock; *before is for pp_lock_release. */
static inline void pp_lock_take(struct pp_lock *lock, sigset_t *before)
{
	sigset_t all;
	int state;

	sigfillset(&all);
	pthread_sigmask(SIG_SETMASK, &all, before);
	while (atomic_exchange_explicit(&lock->held, true,
					memory_order_acquire)) {
		/* a fork that holds it may wait for a handler of this thread */
		pthread_sigmask(SIG_SETMASK, before, NULL);
		sched_yield();
		pthread_sigmask(SIG_SETMASK, &all, NULL);
	}
	pthread_setcancelstate(PTHREAD_CANCEL_DISABLE, &state);
	lock->cancel_state = state;
}

static inline void pp_lock_release(struct pp_lock *lock,
				   const sigset_t *before)
{
	int state = lock->cancel_state;

	atomic_store_explicit(&lock->held, false, memory_order_release);
	pthread_setcancelstate(state, NULL);
	pthread_sigmask(SIG_SETMASK, before, NULL);
}

#endif
