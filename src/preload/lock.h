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
#include <stdint.h>

/* Zeroed it is free. */
struct pp_lock {
	_Atomic bool held;
	int cancel_state;	/* the holder's, before */
	sigset_t signals;	/* the same, where fork is the holder */
	_Atomic uintptr_t forks;	/* the thread that does, or 0 */
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

/* Takes it until pp_lock_after_fork. */
static inline void pp_lock_before_fork(struct pp_lock *lock)
{
	sigset_t before;

	pp_lock_take(lock, &before);
	lock->signals = before;
	atomic_store(&lock->forks, (uintptr_t)pthread_self());
}

/* Was it taken by pp_lock_before_fork for this very fork? */
static inline bool pp_lock_forks(struct pp_lock *lock)
{
	return atomic_load(&lock->forks) == (uintptr_t)pthread_self();
}

/* In a forked child: whoever holds it is not there. Was it held? */
static inline bool pp_lock_renew(struct pp_lock *lock)
{
	return atomic_exchange(&lock->held, false);
}

static inline void pp_lock_after_fork(struct pp_lock *lock)
{
	sigset_t before = lock->signals;

	atomic_store(&lock->forks, 0);
	pp_lock_release(lock, &before);
}

#endif
