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

#include "preload/lock.h"
#include "preload/real.h"
#include "preload/server/accept.h"
#include "preload/server/poll.h"
#include "preload/server/rooms.h"

#include <errno.h>
#include <fcntl.h>
#include <sched.h>
#include <signal.h>
#include <stdint.h>
#include <sys/time.h>

/* The listener's flags while it is non-blocking for a call of ours. */
#define BORROWED (O_NONBLOCK | O_APPEND)

/* Tries to be the one that sets them: some at once, then one a millisecond. */
#define BORROW_TRIES (PP_LOCK_YIELDS + 1000)

bool pp_wait_blocks(struct pp_listener *listener)
{
	int flags = fcntl(listener->fd, F_GETFL, 0);
	bool blocking = !(flags & O_NONBLOCK) || (flags & BORROWED) == BORROWED;

	atomic_store(&listener->nonblocking, !blocking);
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

	if (!pp_has_threads() || !atomic_load(&listener->only_accepted) ||
	    atomic_load(&listener->nonblocking))
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
	wait->deadline = timeout == 0 ? -1 : pp_now_ms() + timeout;
}

/* For poll(2): the milliseconds left, -1 for ever. */
static int time_left(const struct pp_wait *wait)
{
	int64_t left = wait->deadline - pp_now_ms();

	if (wait->deadline < 0)
		return -1;
	return left < 0 ? 0 : left > INT32_MAX ? INT32_MAX : (int)left;
}

/*
 * poll(2) is interrupted by any handler, accept(2) only by one that was
 * installed without SA_RESTART. Which one ran is not known: where all of them
 * restart it was one that does. For SIGABRT's glibc may wait for a lock.
 */
static bool handlers_restart(void)
{
	struct sigaction action;

	for (int number = 1; number < NSIG; number++)
		if (number != SIGABRT &&
		    sigaction(number, NULL, &action) == 0 &&
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
		pp_rooms_check(listener);
	return fds[1].revents != 0 ? PP_WAIT_ROOM : PP_WAIT_KERNEL_NOW;
}

/* Lets the next thread see the listener, when this one is out of accept(2). */
static void arm_threads_epoll(void *argument)
{
	struct pp_wait *wait = argument;
	struct pp_listener *listener = wait->to_arm;
	struct epoll_event event = { .events = EPOLLIN | EPOLLONESHOT,
				     .data.ptr = listener };
	int error = errno;

	wait->to_arm = NULL;
	/* while this thread was in accept(2) it may have been closed */
	if (listener == NULL ||
	    atomic_load(&listener->threads_epoll) != wait->threads_epoll + 1)
		return;
	real_epoll_ctl(wait->threads_epoll, EPOLL_CTL_MOD, listener->fd,
		       &event);
	errno = error;
}

/*
 * Takes an event from the epoll of the threads, and waits for it so long; as
 * epoll_wait(2) returns. Who gets the listener's arms it again:
 * pp_wait_kernel_accept, or one that is cancelled here.
 */
static int take_event(struct pp_listener *listener, int epoll, int timeout,
		      struct pp_wait *wait, enum pp_wait_for *next)
{
	struct epoll_event event;
	int result;

	wait->to_arm = listener;
	wait->threads_epoll = epoll;
	pthread_cleanup_push(arm_threads_epoll, wait);
	result = pp_calls.epoll_wait(epoll, &event, 1, timeout);
	pthread_cleanup_pop(0);
	if (result == 1 && event.data.ptr == listener) {
		*next = atomic_load(&listener->used) ? PP_WAIT_KERNEL_NOW
						     : PP_WAIT_KERNEL;
		return result;
	}
	wait->to_arm = NULL;
	*next = PP_WAIT_ROOM;
	/* nothing was there to move: the epoll may be another's */
	if (result == 1 && (event.data.ptr != &listener->room ||
			    !atomic_load(&listener->used)))
		pp_rooms_threads_epoll(listener);
	return result;
}

/*
 * An event that is there already is taken at once: a busy server's threads ask
 * for nothing else. Only one that sleeps must know how long the program's accept
 * would, and that the epoll is still this listener's.
 */
enum pp_wait_for pp_wait_next(struct pp_listener *listener,
			      struct pp_wait *wait)
{
	bool shared = is_shared(listener);
	int epoll = atomic_load(&listener->threads_epoll) - 1;
	enum pp_wait_for next;
	int result;

	if (!shared && !atomic_load(&listener->used) && wait->deadline <= 0)
		return PP_WAIT_KERNEL;
	if (shared && epoll >= 0 &&
	    take_event(listener, epoll, 0, wait, &next) == 1)
		return next;
	if (!pp_wait_blocks(listener))
		return PP_WAIT_KERNEL;
	pp_wait_start(listener, wait);
	epoll = shared ? pp_rooms_threads_epoll(listener) : -1;
	if (epoll < 0)
		return wait_for_either(listener, wait);
	result = take_event(listener, epoll, time_left(wait), wait, &next);
	return result == 1 ? next : end_in_vain(result, wait);
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

/* Keeps out the other threads, which the record lock does not. */
static struct pp_lock borrowing;

void pp_wait_in_child(void)
{
	pp_lock_renew(&borrowing);
}

/*
 * Nothing may come in between: the flags are seen by other processes. Waits
 * with signals open. After a second or so, a process that has the record lock
 * is taken to be stopped, and not waited for any longer.
 */
static void begin_flags(int listener, sigset_t *before)
{
	/* in a child of _Fork(3), of which nobody told, it may be a parent's */
	if (pp_process_is_guest())
		pp_wait_in_child();
	for (int tries = 0;; tries++) {
		pp_lock_take(&borrowing, before);
		if (lock_record(listener, F_WRLCK) || tries > BORROW_TRIES)
			return;
		pp_lock_release(&borrowing, before);
		if (tries < PP_LOCK_YIELDS)
			sched_yield();
		else
			pp_poll_kernel(NULL, 0, 1);
	}
}

static void end_flags(int listener, const sigset_t *before)
{
	lock_record(listener, F_UNLCK);
	pp_lock_release(&borrowing, before);
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
	sigset_t before;
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
	sigset_t before;
	int flags;
	bool borrowed;

	if (atomic_load(&listener->nonblocking))
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

int pp_wait_kernel_accept(const struct pp_accept_call *call,
			  enum pp_wait_for what, struct pp_wait *wait,
			  struct sockaddr *address, socklen_t *length)
{
	int fd;

	pthread_cleanup_push(arm_threads_epoll, wait);
	fd = what == PP_WAIT_KERNEL_NOW ? accept_now(call, address, length)
					: accept_real(call, address, length);
	pthread_cleanup_pop(1);
	return fd;
}
