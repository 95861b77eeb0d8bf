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

#include "connection/calls.h"

#include <pthread.h>
#include <sched.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <time.h>

#define PP_LOCK_YIELDS 100

/* Zeroed it is free. */
struct pp_lock {
	_Atomic bool held;
	int cancel_state;	/* the holder's, before */
};

/*
 * Takes the lock if it is free, *before is for pp_lock_release; else waits for
 * a while, and longer after so many tries.
 */
static inline bool pp_lock_try(struct pp_lock *lock, sigset_t *before,
			       int tries)
{
	const struct timespec pause = { .tv_nsec = 1000000 };
	sigset_t all;
	int state;

	pthread_setcancelstate(PTHREAD_CANCEL_DISABLE, &state);
	sigfillset(&all);
	pthread_sigmask(SIG_SETMASK, &all, before);
	if (!atomic_exchange_explicit(&lock->held, true,
				      memory_order_acquire)) {
		lock->cancel_state = state;
		return true;
	}
	pthread_sigmask(SIG_SETMASK, before, NULL);
	/* a thread of real-time priority yields to no other */
	if (tries < PP_LOCK_YIELDS)
		sched_yield();
	else
		/* which a program that confines itself allows anyway */
		pp_calls.ppoll(NULL, 0, &pause, NULL);
	pthread_setcancelstate(state, NULL);
	return false;
}

static inline void pp_lock_take(struct pp_lock *lock, sigset_t *before)
{
	int tries = 0;

	while (!pp_lock_try(lock, before, tries))
		if (tries < PP_LOCK_YIELDS)
			tries++;
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
