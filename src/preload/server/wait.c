/* SPDX-License-Identifier: ISC */
/*
 * Waiting in accept; see wait.h.
 *
 * No thread may sleep in the kernel's accept(2) while a connection in the room
 * may become ready and no other thread watches it: that sleep ends only with
 * the next connection. With one thread this is simple, as a connection enters
 * the room only in accept itself: with an empty room it calls accept(2), else it
 * polls the listener and the room. Where several threads block on a listener
 * they wait at an epoll that has the listener, one-shot, and the room: so one of
 * them at a time is in accept(2), and all others see the room.
 *
 * After poll(2) another process may have taken the connection. So as not to
 * sleep then, the listener is made non-blocking for that one call. There is no
 * other way: the flag is that of the listener, whoever has it, and accept(2)
 * takes none for itself. Another call may meet the flag as an EAGAIN, see
 * pp_wait_was_borrowed. It is marked, as O_NONBLOCK may be the program's: by
 * O_APPEND, which says nothing of a socket and is set by the same call.
 */
#include <config.h>

#include "preload/server/wait.h"

#include "preload/real.h"
#include "preload/server/descriptors.h"
#include "preload/server/poll.h"

#include <errno.h>
#include <fcntl.h>
#include <sched.h>
#include <signal.h>
#include <stdint.h>
#include <sys/time.h>
#include <unistd.h>

/* The listener's flags while it is non-blocking for a call of ours. */
#define BORROWED (O_NONBLOCK | O_APPEND)

/* Tries to be the one that sets them: half at once, then one a millisecond. */
#define BORROW_TRIES 2000

bool pp_wait_blocks(struct pp_listener *listener)
{
	int flags = fcntl(listener->fd, F_GETFL, 0);
	bool blocking = !(flags & O_NONBLOCK) || (flags & BORROWED) == BORROWED;

	atomic_store(&listener->blocking,
		     blocking ? PP_BLOCKING : PP_NONBLOCKING);
	return blocking;
}

/*
 * Do several threads block in accept on this listener? The first accept of a
 * process with threads counts as if they did: which is next is not known yet.
 * One that is waited for otherwise is accepted from where there is something.
 */
static bool is_shared(struct pp_listener *listener)
{
	uintptr_t self = (uintptr_t)pthread_self();
	uintptr_t first = 0;

	if (!pp_has_threads() || !atomic_load(&listener->unwatched) ||
	    atomic_load(&listener->blocking) == PP_NONBLOCKING)
		return false;
	if (atomic_load(&listener->shared) ||
	    atomic_compare_exchange_strong(&listener->thread, &first, self))
		return true;
	if (first != self)
		atomic_store(&listener->shared, true);
	return first != self;
}

/*
 * The program's SO_RCVTIMEO in milliseconds; 0 for none. The kernel takes more
 * seconds than there are milliseconds in the type: 68 years will do.
 */
static int64_t receive_timeout(int fd)
{
	struct timeval timeout = { .tv_sec = 0 };
	socklen_t length = sizeof(timeout);

	getsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &timeout, &length);
	if (timeout.tv_sec > INT32_MAX)
		timeout.tv_sec = INT32_MAX;
	return (int64_t)timeout.tv_sec * 1000 + (timeout.tv_usec + 999) / 1000;
}

void pp_wait_start(const struct pp_listener *listener, struct pp_wait *wait)
{
	int64_t timeout;

	if (wait->deadline != 0)
		return;
	timeout = receive_timeout(listener->fd);
	wait->deadline = timeout == 0 ? -1 : pp_now() + timeout;
}

/* For poll(2): the milliseconds left, -1 for ever. */
static int time_left(const struct pp_wait *wait)
{
	int64_t left = wait->deadline - pp_now();

	if (wait->deadline < 0)
		return -1;
	return left < 0 ? 0 : left > INT32_MAX ? INT32_MAX : (int)left;
}

/*
 * poll(2) is interrupted by any handler, accept(2) only by one that was
 * installed without SA_RESTART. Which one ran is not known: where all of them
 * restart it was one that does.
 */
static bool handlers_restart(void)
{
	struct sigaction action;

	for (int number = 1; number < NSIG; number++)
		if (sigaction(number, NULL, &action) == 0 &&
		    action.sa_handler != SIG_DFL &&
		    action.sa_handler != SIG_IGN &&
		    !(action.sa_flags & SA_RESTART))
			return false;
	return true;
}

/* What a wait means that found nothing, with the result of poll(2). */
static enum pp_wait_for end_in_vain(int result, const struct pp_wait *wait)
{
	if (result == 0)
		errno = EAGAIN;
	/* with a timeout accept(2) is not restarted */
	else if (errno == EINTR && wait->deadline < 0 && handlers_restart())
		return PP_WAIT_ROOM;
	return PP_WAIT_FAILED;
}

static enum pp_wait_for wait_for_either(struct pp_listener *listener,
					struct pp_wait *wait)
{
	struct pollfd fds[] = {
		{ .fd = listener->fd, .events = POLLIN },
		{ .fd = atomic_load(&listener->wake) - 1, .events = POLLIN },
	};
	int result = pp_poll_kernel(fds, 2, time_left(wait));

	if (result <= 0)
		return end_in_vain(result, wait);
	/* nothing was there to move: the number may be another's */
	if (fds[1].revents != 0 && !atomic_load(&listener->used))
		pp_descriptors_forget_lost();
	return fds[1].revents != 0 ? PP_WAIT_ROOM : PP_WAIT_KERNEL_NOW;
}

/* The epoll at which threads wait, and the listener in it. */
struct threads_epoll {
	int epoll;
	int listener;
};

/* Lets the next thread see the listener, when this one is out of accept(2). */
static void arm_threads_epoll(void *argument)
{
	const struct threads_epoll *at = argument;
	struct pp_listener *listener = pp_listeners_find(at->listener);
	struct epoll_event event = { .events = EPOLLIN | EPOLLONESHOT,
				     .data.ptr = listener };
	int error = errno;

	/* while this thread was in accept(2) it may have been closed */
	if (listener == NULL ||
	    atomic_load(&listener->threads_epoll) != at->epoll + 1)
		return;
	real_epoll_ctl(at->epoll, EPOLL_CTL_MOD, at->listener, &event);
	errno = error;
}

/* The thread that gets the listener's event arms it again: pp_wait_accept. */
static enum pp_wait_for take_event(struct pp_listener *listener, int epoll,
				   const struct epoll_event *event,
				   struct pp_wait *wait)
{
	if (event->data.ptr == listener) {
		wait->threads_epoll = epoll + 1;
		return atomic_load(&listener->used) ? PP_WAIT_KERNEL_NOW
						    : PP_WAIT_KERNEL;
	}
	/* nothing was there to move: the epoll may be another's */
	if (event->data.ptr != &listener->room || !atomic_load(&listener->used))
		pp_listeners_threads_epoll(listener);
	return PP_WAIT_ROOM;
}

/*
 * Takes an event that is there already: a busy server's threads ask for nothing
 * else. Only one that sleeps must know how long the program's accept would, and
 * that the epoll is still this listener's.
 */
static bool take_event_at_once(struct pp_listener *listener,
			       struct pp_wait *wait, enum pp_wait_for *next)
{
	int epoll = atomic_load(&listener->threads_epoll) - 1;
	struct epoll_event event;
	int result = 0, state;

	pthread_setcancelstate(PTHREAD_CANCEL_DISABLE, &state);
	if (epoll >= 0)
		result = epoll_wait(epoll, &event, 1, 0);
	pthread_setcancelstate(state, NULL);
	if (result == 1)
		*next = take_event(listener, epoll, &event, wait);
	return result == 1;
}

static enum pp_wait_for wait_with_threads(struct pp_listener *listener,
					  int epoll, struct pp_wait *wait)
{
	struct threads_epoll at = { .epoll = epoll, .listener = listener->fd };
	struct epoll_event event;
	int result;

	/* a thread that is cancelled here may have got the event already */
	pthread_cleanup_push(arm_threads_epoll, &at);
	result = epoll_wait(epoll, &event, 1, time_left(wait));
	pthread_cleanup_pop(0);
	if (result <= 0)
		return end_in_vain(result, wait);
	return take_event(listener, epoll, &event, wait);
}

enum pp_wait_for pp_wait_next(struct pp_listener *listener,
			      struct pp_wait *wait)
{
	bool shared = is_shared(listener);
	enum pp_wait_for next;
	int epoll = -1;

	if (!shared && !atomic_load(&listener->used) && wait->deadline <= 0)
		return PP_WAIT_KERNEL;
	if (shared && take_event_at_once(listener, wait, &next))
		return next;
	if (!pp_wait_blocks(listener))
		return PP_WAIT_KERNEL;
	pp_wait_start(listener, wait);
	if (shared)
		epoll = pp_listeners_threads_epoll(listener);
	return epoll >= 0 ? wait_with_threads(listener, epoll, wait)
			  : wait_for_either(listener, wait);
}

static int accept_real(const struct pp_accept_call *call,
		       struct sockaddr *address, socklen_t *length)
{
	if (call->accept4)
		return real_accept4(call->listener, address, length,
				    call->flags);
	return real_accept(call->listener, address, length);
}

/*
 * Keeps other processes that share the listener out while its flags are
 * borrowed: one's end would be in the middle of another's. A record lock is the
 * process's own, unlike the flags, and goes with it. False where another
 * process has it.
 */
static bool lock_record(int fd, short type)
{
	struct flock lock = { .l_type = type, .l_whence = SEEK_SET };

	return fcntl(fd, F_SETLK, (intptr_t)&lock) == 0 ||
	       (errno != EAGAIN && errno != EACCES);
}

/*
 * The process of which a thread borrows flags: the record lock does not keep
 * out its other threads. That of a parent does not count in its child.
 */
static _Atomic pid_t borrower;

/* False where others are at it. */
static bool lock_flags(int listener, bool patient)
{
	pid_t self = getpid(), holder = atomic_load(&borrower);

	if (holder == self ||
	    !atomic_compare_exchange_strong(&borrower, &holder, self))
		return false;
	if (lock_record(listener, F_WRLCK) || !patient)
		return true;
	atomic_store(&borrower, 0);
	return false;
}

/* How the thread was before. */
struct undisturbed {
	sigset_t signals;
	int cancel_state;
};

/*
 * Nothing may come in between: the flags are seen by other processes. Waits
 * with signals open. After a second or so, a process that has the record lock
 * is taken to be stopped, and not waited for any longer.
 */
static void begin_flags(int listener, struct undisturbed *before)
{
	sigset_t all;

	sigfillset(&all);
	pthread_setcancelstate(PTHREAD_CANCEL_DISABLE, &before->cancel_state);
	for (int tries = 0;; tries++) {
		pthread_sigmask(SIG_SETMASK, &all, &before->signals);
		if (lock_flags(listener, tries < BORROW_TRIES))
			return;
		pthread_sigmask(SIG_SETMASK, &before->signals, NULL);
		if (tries < BORROW_TRIES / 2)
			sched_yield();
		else
			pp_poll_kernel(NULL, 0, 1);
	}
}

static void end_flags(int listener, const struct undisturbed *before)
{
	lock_record(listener, F_UNLCK);
	atomic_store(&borrower, 0);
	pthread_setcancelstate(before->cancel_state, NULL);
	pthread_sigmask(SIG_SETMASK, &before->signals, NULL);
}

/*
 * The listener's flags as the program's. To the one that has them locked,
 * borrowed ones are those of a process that was killed before their end.
 */
static int program_flags(int listener)
{
	int flags = fcntl(listener, F_GETFL, 0);

	return (flags & BORROWED) == BORROWED ? flags & ~BORROWED : flags;
}

/* accept(2) on a blocking listener that does not block. */
static int accept_now(const struct pp_accept_call *call,
		      struct sockaddr *address, socklen_t *length)
{
	struct undisturbed before;
	int flags, fd, error;

	begin_flags(call->listener, &before);
	flags = program_flags(call->listener);
	fcntl(call->listener, F_SETFL, flags | BORROWED);
	fd = accept_real(call, address, length);
	error = errno;
	fcntl(call->listener, F_SETFL, flags);
	end_flags(call->listener, &before);
	errno = error;
	return fd;
}

bool pp_wait_was_borrowed(struct pp_listener *listener)
{
	struct undisturbed before;
	int flags;
	bool borrowed;

	if (atomic_load(&listener->blocking) == PP_NONBLOCKING)
		return false;
	flags = fcntl(listener->fd, F_GETFL, 0);
	borrowed = (flags & BORROWED) == BORROWED;
	if (borrowed) {
		/* waits for that call's end, or ends a killed process's */
		begin_flags(listener->fd, &before);
		fcntl(listener->fd, F_SETFL, program_flags(listener->fd));
		end_flags(listener->fd, &before);
	} else if (pp_wait_blocks(listener)) {
		borrowed = receive_timeout(listener->fd) == 0;
	}
	errno = EAGAIN;
	return borrowed;
}

int pp_wait_accept(const struct pp_accept_call *call, enum pp_wait_for what,
		   struct pp_wait *wait, struct sockaddr *address,
		   socklen_t *length)
{
	struct threads_epoll at = { .epoll = wait->threads_epoll - 1,
				    .listener = call->listener };
	int fd;

	if (what == PP_WAIT_KERNEL_NOW && at.epoll < 0)
		return accept_now(call, address, length);
	if (at.epoll < 0)
		return accept_real(call, address, length);
	wait->threads_epoll = 0;
	pthread_cleanup_push(arm_threads_epoll, &at);
	fd = what == PP_WAIT_KERNEL_NOW ? accept_now(call, address, length)
					: accept_real(call, address, length);
	pthread_cleanup_pop(1);
	return fd;
}
