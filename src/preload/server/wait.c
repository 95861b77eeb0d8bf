/* SPDX-License-Identifier: ISC */
/*
 * Waiting in accept; see wait.h.
 *
 * Nobody may sleep in the kernel's accept(2) while somebody in the room may
 * become ready: that sleep ends only with the next connection. With one thread
 * this is simple, as a connection enters the room only in accept itself: with
 * an empty room it calls accept(2), else it polls the listener and the room.
 * Where several threads block on a listener they wait at its gate instead, an
 * epoll over the listener, one-shot, and the room. So one thread at a time is
 * in accept(2), and all others see the room.
 *
 * After poll(2) another process may have taken the connection. So as not to
 * sleep then, the listener is non-blocking for the moment of the call. Other
 * calls meet that moment as an EAGAIN, see pp_wait_was_transient. The moment
 * has a mark, as O_NONBLOCK may be the program's: O_APPEND, which says nothing
 * of a socket and is set by the same call.
 */
#include <config.h>

#include "preload/server/wait.h"

#include "preload/interrupted.h"
#include "preload/real.h"
#include "preload/server/descriptors.h"
#include "preload/server/threads.h"

#include <errno.h>
#include <fcntl.h>
#include <sched.h>
#include <signal.h>
#include <stdint.h>
#include <sys/time.h>
#include <unistd.h>

#define MOMENT (O_NONBLOCK | O_APPEND)

/* Half of them at once, then one a millisecond. */
#define MOMENT_TRIES 2000

#define NAP 1000	/* milliseconds */

/*
 * Does the program's accept block? Not where O_NONBLOCK is its own; that of
 * the moment of somebody's call has the mark of MOMENT.
 */
bool pp_wait_blocks(struct pp_listener *listener)
{
	int flags = real_fcntl(listener->fd, F_GETFL, 0);
	bool blocking = !(flags & O_NONBLOCK) || (flags & MOMENT) == MOMENT;

	atomic_store(&listener->blocking,
		     blocking ? PP_BLOCKING : PP_NONBLOCKING);
	return blocking;
}

/*
 * Do several threads accept from this listener? The first accept of a process
 * with threads counts as if they did: who comes next is not known yet.
 */
static bool is_shared(struct pp_listener *listener)
{
	uintptr_t self = (uintptr_t)pthread_self();
	uintptr_t first = 0;

	if (!pp_has_threads() ||
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

/*
 * Would the program's accept not have blocked? It has waited for its listener
 * by poll(2) or the like, as programs do that wait for others at the same
 * time, and the connection that it was told of is not for it to see. Then
 * accept fails as where a client has left.
 */
static bool ends_early(const struct pp_listener *listener,
		       const struct pp_patience *patience)
{
	return patience->turned_away && atomic_load(&listener->watched);
}

static void start_waiting(const struct pp_listener *listener,
			  struct pp_patience *patience)
{
	int64_t timeout;

	if (ends_early(listener, patience)) {
		patience->deadline = 0;
		patience->lapse = ECONNABORTED;
	} else if (!patience->waited) {
		timeout = receive_timeout(listener->fd);
		patience->deadline = timeout == 0 ? -1 : pp_now() + timeout;
		patience->lapse = EAGAIN;
	}
	patience->waited = true;
}

/* For poll(2): the milliseconds left, -1 for ever. */
static int time_left(const struct pp_patience *patience)
{
	int64_t left = patience->deadline - pp_now();

	if (patience->deadline < 0)
		return -1;
	return left < 0 ? 0 : left > INT32_MAX ? INT32_MAX : (int)left;
}

/* What a wait that found nothing means. */
static enum pp_turn turn_after(int result, const struct pp_patience *patience)
{
	if (result == 0) {
		errno = patience->lapse;
		return PP_TURN_NONE;
	}
	/* with a timeout accept(2) is not restarted */
	if (errno == EINTR && patience->deadline < 0 && pp_handlers_restart())
		return PP_TURN_ROOM;
	return PP_TURN_NONE;
}

/* What the next thread at the gate waits for. */
struct gate {
	int epoll;
	int listener;
};

static void arm_gate(void *argument)
{
	const struct gate *gate = argument;
	struct pp_listener *listener = pp_listeners_find(gate->listener);
	struct epoll_event event = { .events = EPOLLIN | EPOLLONESHOT,
				     .data.ptr = listener };
	int error = errno;

	/* while this thread was in accept(2) it may have been closed */
	if (listener == NULL || atomic_load(&listener->gate) != gate->epoll + 1)
		return;
	real_epoll_ctl(gate->epoll, EPOLL_CTL_MOD, gate->listener, &event);
	errno = error;
}

/* Whoever passes the gate arms it for the next one: pp_wait_accept. */
static enum pp_turn pass_gate(struct pp_listener *listener, int gate,
			      const struct epoll_event *event,
			      struct pp_patience *patience)
{
	if (event->data.ptr != listener) {
		/* nobody was there to move: the gate may be another's */
		if (event->data.ptr != &listener->room ||
		    !atomic_load(&listener->used))
			pp_listeners_gate(listener);
		return PP_TURN_ROOM;
	}
	patience->gate = gate + 1;
	return atomic_load(&listener->used) ? PP_TURN_KERNEL_NOW
					    : PP_TURN_KERNEL;
}

/*
 * Passes the gate if somebody is there: a busy server's threads ask for nothing
 * else. Only who sleeps there must know how long the program's accept would,
 * and in the end that the gate is still this listener's.
 */
static bool passes_at_once(struct pp_listener *listener,
			   struct pp_patience *patience, enum pp_turn *turn)
{
	int gate = atomic_load(&listener->gate) - 1;
	struct epoll_event event;
	int result, state;

	if (gate < 0)
		return false;
	pthread_setcancelstate(PTHREAD_CANCEL_DISABLE, &state);
	result = epoll_wait(gate, &event, 1, 0);
	pthread_setcancelstate(state, NULL);
	if (result == 1)
		*turn = pass_gate(listener, gate, &event, patience);
	return result == 1;
}

static int sleep_at_gate(int gate, int listener, struct epoll_event *event,
			 int timeout)
{
	struct gate here = { .epoll = gate, .listener = listener };
	int result;

	/* a thread that is cancelled here may have been let through already */
	pthread_cleanup_push(arm_gate, &here);
	result = epoll_wait(gate, event, 1, timeout);
	pthread_cleanup_pop(0);
	return result;
}

static enum pp_turn wait_at_gate(struct pp_listener *listener, int gate,
				 struct pp_patience *patience)
{
	struct epoll_event event;
	int result = sleep_at_gate(gate, listener->fd, &event,
				   time_left(patience));

	if (result <= 0)
		return turn_after(result, patience);
	return pass_gate(listener, gate, &event, patience);
}

/*
 * Sleeps at the gate as it is, for a second at most: that spares those who are
 * soon woken what wait_at_gate needs to know. False where nothing came of it.
 */
static bool naps_at_gate(struct pp_listener *listener,
			 struct pp_patience *patience, enum pp_turn *turn)
{
	int gate = atomic_load(&listener->gate) - 1, left = time_left(patience);
	struct epoll_event event;
	int result;

	if (gate < 0 || patience->napped || (left >= 0 && left <= NAP))
		return false;
	patience->napped = true;
	result = sleep_at_gate(gate, listener->fd, &event, NAP);
	if (result == 0 || (result < 0 && errno != EINTR))
		return false;
	*turn = result < 0 ? turn_after(result, patience)
			   : pass_gate(listener, gate, &event, patience);
	return true;
}

static enum pp_turn wait_for_either(struct pp_listener *listener,
				    struct pp_patience *patience)
{
	struct pollfd fds[] = {
		{ .fd = listener->fd, .events = POLLIN },
		{ .fd = atomic_load(&listener->wake) - 1, .events = POLLIN },
	};
	int result = real_poll(fds, 2, time_left(patience));

	if (result <= 0)
		return turn_after(result, patience);
	/* nobody was there to move: the number may be another's */
	if (fds[1].revents != 0 && !atomic_load(&listener->used))
		pp_descriptors_forget_lost();
	return fds[1].revents != 0 ? PP_TURN_ROOM : PP_TURN_KERNEL_NOW;
}

enum pp_turn pp_wait_turn(struct pp_listener *listener,
			  struct pp_patience *patience)
{
	bool shared = is_shared(listener);
	enum pp_turn turn;
	int gate = -1;

	if (!shared && !patience->waited && !atomic_load(&listener->used) &&
	    !ends_early(listener, patience))
		return PP_TURN_KERNEL;
	if (shared && passes_at_once(listener, patience, &turn))
		return turn;
	if (!pp_wait_blocks(listener))
		return PP_TURN_KERNEL;
	start_waiting(listener, patience);
	if (shared && naps_at_gate(listener, patience, &turn))
		return turn;
	if (shared)
		gate = pp_listeners_gate(listener);
	if (gate >= 0)
		return wait_at_gate(listener, gate, patience);
	return wait_for_either(listener, patience);
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
 * Keeps other processes that share the listener out of the moment in which it
 * is non-blocking: one's end would be in the middle of another's. A record
 * lock is the process's own, unlike the flag, and goes with it. False where
 * another process has it.
 */
static bool lock_record(int fd, short type)
{
	struct flock lock = { .l_type = type, .l_whence = SEEK_SET };

	return real_fcntl(fd, F_SETLK, (intptr_t)&lock) == 0 ||
	       (errno != EAGAIN && errno != EACCES);
}

/*
 * The process of which a thread is in a moment: the record lock does not keep
 * out its other ones.
 */
static _Atomic pid_t in_moment;

void pp_wait_note_fork(void)
{
	atomic_store(&in_moment, 0);
}

/* False where it is somebody else's. */
static bool take_moment(int listener, bool patient)
{
	pid_t self = getpid(), holder = atomic_load(&in_moment);

	if (holder == self ||
	    !atomic_compare_exchange_strong(&in_moment, &holder, self))
		return false;
	if (lock_record(listener, F_WRLCK) || !patient)
		return true;
	atomic_store(&in_moment, 0);
	return false;
}

/* Nothing may come into a moment: the flag is seen by other processes. */
struct undisturbed {
	sigset_t signals;
	int cancel_state;
};

static void disturb_again(const struct undisturbed *before)
{
	pthread_setcancelstate(before->cancel_state, NULL);
	pthread_sigmask(SIG_SETMASK, &before->signals, NULL);
}

/*
 * Waits with signals open. After a second or so, a process that has the record
 * lock is taken to be stopped, and not waited for any longer.
 */
static struct undisturbed begin_moment(int listener)
{
	struct undisturbed before;
	sigset_t all;

	sigfillset(&all);
	for (int tries = 0;; tries++) {
		pthread_sigmask(SIG_SETMASK, &all, &before.signals);
		pthread_setcancelstate(PTHREAD_CANCEL_DISABLE,
				       &before.cancel_state);
		if (take_moment(listener, tries < MOMENT_TRIES))
			return before;
		disturb_again(&before);
		if (tries < MOMENT_TRIES / 2)
			sched_yield();
		else
			real_poll(NULL, 0, 1);
	}
}

static void end_moment(int listener, const struct undisturbed *before)
{
	lock_record(listener, F_UNLCK);
	atomic_store(&in_moment, 0);
	disturb_again(before);
}

/*
 * The listener's flags without those of a moment: within one's own, only a
 * process that was killed in the middle of another can have left them.
 */
static int own_flags(int listener)
{
	int flags = real_fcntl(listener, F_GETFL, 0);

	return (flags & MOMENT) == MOMENT ? flags & ~MOMENT : flags;
}

/* accept(2) on a blocking listener that does not block. */
static int accept_now(const struct pp_accept_call *call,
		      struct sockaddr *address, socklen_t *length)
{
	struct undisturbed before = begin_moment(call->listener);
	int flags = own_flags(call->listener);
	int fd, error;

	real_fcntl(call->listener, F_SETFL, flags | MOMENT);
	fd = accept_real(call, address, length);
	error = errno;
	real_fcntl(call->listener, F_SETFL, flags);
	end_moment(call->listener, &before);
	errno = error;
	return fd;
}

/* Lets a moment pass, of somebody else or of one who was killed in it. */
static void let_moment_pass(int listener)
{
	struct undisturbed before = begin_moment(listener);

	real_fcntl(listener, F_SETFL, own_flags(listener));
	end_moment(listener, &before);
}

bool pp_wait_was_transient(struct pp_listener *listener)
{
	int flags;
	bool transient;

	if (atomic_load(&listener->blocking) == PP_NONBLOCKING)
		return false;
	flags = real_fcntl(listener->fd, F_GETFL, 0);
	transient = (flags & MOMENT) == MOMENT;
	if (transient)
		let_moment_pass(listener->fd);
	else if (pp_wait_blocks(listener))
		transient = receive_timeout(listener->fd) == 0;
	errno = EAGAIN;
	return transient;
}

int pp_wait_accept(const struct pp_accept_call *call, enum pp_turn turn,
		   struct pp_patience *patience, struct sockaddr *address,
		   socklen_t *length)
{
	struct gate gate = { .epoll = patience->gate - 1,
			     .listener = call->listener };
	int fd;

	if (gate.epoll < 0)
		return turn == PP_TURN_KERNEL_NOW
			       ? accept_now(call, address, length)
			       : accept_real(call, address, length);
	patience->gate = 0;
	pthread_cleanup_push(arm_gate, &gate);
	fd = turn == PP_TURN_KERNEL_NOW ? accept_now(call, address, length)
					: accept_real(call, address, length);
	pthread_cleanup_pop(1);
	return fd;
}
