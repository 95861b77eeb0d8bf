/* SPDX-License-Identifier: ISC */
/*
 * The hooks of libproxyproto_connect.so by which a program waits. What it is
 * told of when they return has its header. While a connection is being made
 * they wait in steps, so that the header is said even where the program waits
 * for nothing but what the server says. Otherwise they cost two loads.
 */
#include <config.h>

#include "preload/client/pending.h"
#include "preload/real.h"

#include <errno.h>
#include <limits.h>
#include <pthread.h>
#include <signal.h>
#include <stdint.h>
#include <string.h>
#include <time.h>

#define STEP_MS 20
#define NS_PER_MS INT64_C(1000000)
#define NS_PER_S INT64_C(1000000000)

/* How long a call may wait. */
struct limit {
	bool endless;
	int64_t end;		/* in nanoseconds of the clock */
};

static int64_t now(void)
{
	struct timespec time;

	clock_gettime(CLOCK_MONOTONIC, &time);
	return time.tv_sec * NS_PER_S + time.tv_nsec;
}

static struct limit limit_of(const struct timespec *timeout)
{
	int64_t left;

	/* nobody waits for a century */
	if (timeout == NULL || timeout->tv_sec > INT32_MAX)
		return (struct limit){ .endless = true };
	left = timeout->tv_sec * NS_PER_S + timeout->tv_nsec;
	return (struct limit){ .end = now() + left };
}

/* What is left of it. */
static struct timespec left_of(const struct limit *limit)
{
	int64_t left = limit->end - now();

	if (left < 0)
		left = 0;
	return (struct timespec){ .tv_sec = (time_t)(left / NS_PER_S),
				  .tv_nsec = (long)(left % NS_PER_S) };
}

/*
 * The timeout of the next call, NULL for none, with memory in *step. Sets
 * *last where that is all there is to wait.
 */
static const struct timespec *next_step(const struct limit *limit,
					struct timespec *step, bool *last)
{
	*last = true;
	if (!limit->endless) {
		*step = left_of(limit);
		if (step->tv_sec == 0 && step->tv_nsec <= STEP_MS * NS_PER_MS)
			return step;
	}
	if (!pp_pending_any())
		return limit->endless ? NULL : step;
	*last = false;
	*step = (struct timespec){ .tv_nsec = STEP_MS * NS_PER_MS };
	return step;
}

/* The kernel refuses others. */
static bool is_timeout(const struct timespec *timeout)
{
	return timeout == NULL || (timeout->tv_sec >= 0 &&
				   timeout->tv_nsec >= 0 &&
				   timeout->tv_nsec < NS_PER_S);
}

/* A wait is over that this may have been the end of. */
static int told(int result)
{
	if (result > 0 && pp_pending_any())
		pp_pending_say_all(NULL);
	return result;
}

/* Milliseconds as poll(2) has them, negative for endless. */
static const struct timespec *time_of(int timeout, struct timespec *time)
{
	if (timeout < 0)
		return NULL;
	*time = (struct timespec){ .tv_sec = timeout / 1000,
				   .tv_nsec = timeout % 1000 * NS_PER_MS };
	return time;
}

/* The other way round; what is left over counts as one. */
static int milliseconds_of(const struct timespec *time)
{
	int64_t ms;

	if (time == NULL)
		return -1;
	ms = time->tv_sec * 1000 + (time->tv_nsec + NS_PER_MS - 1) / NS_PER_MS;
	return ms > INT_MAX ? INT_MAX : (int)ms;
}

/*
 * A wait in steps has all signals blocked but while something waits: itself,
 * or a header that is said. So a handler that comes in between ends it, too.
 * The program's mask, or what it has given for the call; and what is there
 * before.
 *
 * Nothing is pushed for cancellation (pthread_cleanup_push): in C it would be
 * a jump buffer on the stack, which a handler that leaves by siglongjmp leaves
 * behind. A thread that is cancelled while it waits has the mask of the wait;
 * while a look is taken, all signals blocked from then on.
 */
struct masks {
	sigset_t before;
	struct pp_signals signals;
};

static void begin_steps(struct masks *masks, const sigset_t *mask)
{
	sigset_t all;

	/* not in the first wait: handlers might run with signals blocked */
	pthread_testcancel();
	sigfillset(&all);
	pthread_sigmask(SIG_SETMASK, &all, &masks->before);
	masks->signals = (struct pp_signals){
		.mask = mask == NULL ? &masks->before : mask,
	};
}

/* Behind a step that returned this: what the wait returns, if it is over. */
static int end_step(struct masks *masks, int result)
{
	pp_pending_say_all(&masks->signals);
	if (result != 0 || !masks->signals.interrupted)
		return result;
	errno = EINTR;
	return -1;
}

static void end_steps(const struct masks *masks)
{
	pthread_sigmask(SIG_SETMASK, &masks->before, NULL);
}

static int poll_in_steps(struct pollfd *fds, nfds_t count,
			 const struct timespec *timeout, const sigset_t *mask)
{
	struct limit limit = limit_of(timeout);
	struct timespec step;
	struct masks masks;
	bool last;
	int result;

	begin_steps(&masks, mask);
	do {
		const struct timespec *next = next_step(&limit, &step, &last);

		result = real_ppoll(fds, count, next, masks.signals.mask);
		result = end_step(&masks, result);
	} while (result == 0 && !last);
	end_steps(&masks);
	return result;
}

PP_EXPORT int poll(struct pollfd *fds, nfds_t count, int timeout)
{
	struct timespec time;

	if (!pp_pending_any())
		return told(real_poll(fds, count, timeout));
	return poll_in_steps(fds, count, time_of(timeout, &time), NULL);
}

PP_EXPORT int ppoll(struct pollfd *fds, nfds_t count,
		    const struct timespec *timeout, const sigset_t *mask)
{
	if (!pp_pending_any() || !is_timeout(timeout))
		return told(real_ppoll(fds, count, timeout, mask));
	return poll_in_steps(fds, count, timeout, mask);
}

/* The sets of a program, which a call that times out clears. */
struct sets {
	fd_set *at[3];
	fd_set asked[3];
};

/* Larger sets than an fd_set are the program's own; those are not kept. */
static bool keep_sets(struct sets *sets, int count)
{
	if (count < 0 || count > FD_SETSIZE)
		return false;
	for (size_t i = 0; i < 3; i++)
		if (sets->at[i] != NULL)
			memcpy(&sets->asked[i], sets->at[i],
			       ((size_t)count + 7) / 8);
	return true;
}

static void restore_sets(const struct sets *sets, int count)
{
	for (size_t i = 0; i < 3; i++)
		if (sets->at[i] != NULL)
			memcpy(sets->at[i], &sets->asked[i],
			       ((size_t)count + 7) / 8);
}

static int select_in_steps(int count, struct sets *sets,
			   const struct limit *limit, const sigset_t *mask)
{
	struct timespec step;
	struct masks masks;
	bool last;
	int result;

	begin_steps(&masks, mask);
	do {
		const struct timespec *next = next_step(limit, &step, &last);

		restore_sets(sets, count);
		result = real_pselect(count, sets->at[0], sets->at[1],
				      sets->at[2], next, masks.signals.mask);
		result = end_step(&masks, result);
	} while (result == 0 && !last);
	end_steps(&masks);
	return result;
}

PP_EXPORT int pselect(int count, fd_set *readable, fd_set *writable,
		      fd_set *exceptional, const struct timespec *timeout,
		      const sigset_t *mask)
{
	struct sets sets = { .at = { readable, writable, exceptional } };
	struct limit limit;

	if (!pp_pending_any() || !is_timeout(timeout) ||
	    !keep_sets(&sets, count))
		return told(real_pselect(count, readable, writable,
					 exceptional, timeout, mask));
	limit = limit_of(timeout);
	return select_in_steps(count, &sets, &limit, mask);
}

/* select(2) of Linux leaves in *timeout what remains of it. */
PP_EXPORT int select(int count, fd_set *readable, fd_set *writable,
		     fd_set *exceptional, struct timeval *timeout)
{
	struct sets sets = { .at = { readable, writable, exceptional } };
	struct timespec time = { .tv_sec = 0 };
	struct limit limit;
	int result;

	if (timeout != NULL) {
		/* it takes microseconds beyond a second */
		time.tv_sec = timeout->tv_sec + timeout->tv_usec / 1000000;
		time.tv_nsec = timeout->tv_usec % 1000000 * 1000L;
	}
	if (!pp_pending_any() || !is_timeout(&time) || !keep_sets(&sets, count))
		return told(real_select(count, readable, writable, exceptional,
					timeout));
	limit = limit_of(timeout == NULL ? NULL : &time);
	result = select_in_steps(count, &sets, &limit, NULL);
	if (!limit.endless) {
		time = left_of(&limit);
		timeout->tv_sec = time.tv_sec;
		timeout->tv_usec = time.tv_nsec / 1000;
	}
	return result;
}

/* epoll_pwait2(2), or what is like it. */
typedef int (*epoll_call)(int epoll, struct epoll_event *events, int count,
			  const struct timespec *timeout,
			  const sigset_t *mask);

static int wait_milliseconds(int epoll, struct epoll_event *events, int count,
			     const struct timespec *timeout,
			     const sigset_t *mask)
{
	return real_epoll_pwait(epoll, events, count, milliseconds_of(timeout),
				mask);
}

static int epoll_in_steps(epoll_call call, int epoll,
			  struct epoll_event *events, int count,
			  const struct timespec *timeout, const sigset_t *mask)
{
	struct limit limit = limit_of(timeout);
	struct timespec step;
	struct masks masks;
	bool last;
	int result;

	begin_steps(&masks, mask);
	do {
		const struct timespec *next = next_step(&limit, &step, &last);

		result = call(epoll, events, count, next, masks.signals.mask);
		result = end_step(&masks, result);
	} while (result == 0 && !last);
	end_steps(&masks);
	return result;
}

PP_EXPORT int epoll_wait(int epoll, struct epoll_event *events, int count,
			 int timeout)
{
	struct timespec time;

	if (!pp_pending_any())
		return told(real_epoll_wait(epoll, events, count, timeout));
	return epoll_in_steps(wait_milliseconds, epoll, events, count,
			      time_of(timeout, &time), NULL);
}

PP_EXPORT int epoll_pwait(int epoll, struct epoll_event *events, int count,
			  int timeout, const sigset_t *mask)
{
	struct timespec time;

	if (!pp_pending_any())
		return told(real_epoll_pwait(epoll, events, count, timeout,
					     mask));
	return epoll_in_steps(wait_milliseconds, epoll, events, count,
			      time_of(timeout, &time), mask);
}

#ifdef HAVE_EPOLL_PWAIT2
PP_EXPORT int epoll_pwait2(int epoll, struct epoll_event *events, int count,
			   const struct timespec *timeout,
			   const sigset_t *mask)
{
	if (!pp_pending_any() || !is_timeout(timeout))
		return told(real_epoll_pwait2(epoll, events, count, timeout,
					      mask));
	return epoll_in_steps(real_epoll_pwait2, epoll, events, count, timeout,
			      mask);
}
#endif
