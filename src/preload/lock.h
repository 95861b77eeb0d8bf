/* SPDX-License-Identifier: ISC */
/*
 * A lock for what hooks share. Whoever holds it has all signals blocked, so
 * that no handler finds it held by its own thread, and cannot be cancelled:
 * close and others that are called meanwhile are cancellation points. Held for
 * a short time only; a forked child may find it held by a thread that is not
 * there.
 */
#ifndef PP_PRELOAD_LOCK_H
#define PP_PRELOAD_LOCK_H

#include "preload/real.h"

#include <pthread.h>
#include <sched.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdbool.h>

#define PP_LOCK_YIELDS 100

/* Zeroed it is free. */
struct pp_lock {
	_Atomic bool held;
	int cancel_state;	/* the holder's, before */
};

/* Takes the lock; *before is for pp_lock_release. */
static inline void pp_lock_take(struct pp_lock *lock, sigset_t *before)
{
	int state, tries = 0;
	sigset_t all;

	pthread_setcancelstate(PTHREAD_CANCEL_DISABLE, &state);
	sigfillset(&all);
	pthread_sigmask(SIG_SETMASK, &all, before);
	while (atomic_exchange_explicit(&lock->held, true,
					memory_order_acquire)) {
		pthread_sigmask(SIG_SETMASK, before, NULL);
		/* a thread of real-time priority yields to no other */
		if (tries++ < PP_LOCK_YIELDS)
			sched_yield();
		else
			real_poll(NULL, 0, 1);
		pthread_sigmask(SIG_SETMASK, &all, NULL);
	}
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

/* In a forked child: whoever holds it is not there. Was it held? */
static inline bool pp_lock_renew(struct pp_lock *lock)
{
	/* memory that is not written to is not copied */
	return atomic_load(&lock->held) && atomic_exchange(&lock->held, false);
}

#endif
