/* SPDX-License-Identifier: ISC */
/* Headers that are still to be said; see pending.h. */
#include <config.h>

#include "preload/client/pending.h"

#include "connection/calls.h"
#include "connection/cookie.h"
#include "connection/send.h"
#include "preload/client/header.h"
#include "preload/process.h"
#include "preload/real.h"
#include "preload/table.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <pthread.h>
#include <stdint.h>
#include <sys/syscall.h>
#include <unistd.h>

/* Descriptors that are looked at together. */
#define TOGETHER 64

/* Between two tries to lock a socket that another process has locked. */
#define LOCK_MS 10

struct slot {
	_Atomic uint32_t socket;	/* cookie, 0 where nothing is pending */
	_Atomic uint32_t connecting;	/* one that is in connect(2), or left */
	_Atomic uint64_t claim;		/* see claim_of; or 0 */
};

/* Of connection/, cookie.c alone is used here. */
const struct pp_calls pp_calls = { .getsockopt = real_getsockopt };

_Atomic int pp_pending_count;

static struct slot near[PP_TABLE_NEAR];
static struct pp_table table;

/* No slot further up is in use. */
static _Atomic int highest = -1;

static struct slot *slot_of(int fd, bool make)
{
	return pp_table_slot(&table, near, sizeof(struct slot), fd, make);
}

static int self(void)
{
	return (int)syscall(SYS_gettid);
}

/* Is it a thread of this process? A forked child has but one. */
static bool is_alive(int thread)
{
	return syscall(SYS_tgkill, getpid(), thread, 0) == 0 || errno != ESRCH;
}

/* That this thread says the header of that socket. */
static uint64_t claim_of(uint32_t cookie)
{
	return (uint64_t)cookie << 32 | (uint32_t)self();
}

/* Is another thread at the header that is pending, or will be again? */
static bool stands(const struct slot *slot, uint64_t claim)
{
	return claim >> 32 == atomic_load(&slot->socket) &&
	       is_alive((int)(uint32_t)claim);
}

/*
 * Makes this thread the one that says the header, unless there is one. A
 * handler may have left a claim by siglongjmp: it is that socket's alone.
 */
static bool claim(struct slot *slot, uint32_t cookie)
{
	uint64_t before = atomic_load(&slot->claim), own = claim_of(cookie);

	if (before != 0 && (before == own || stands(slot, before)))
		return false;
	return atomic_compare_exchange_strong(&slot->claim, &before, own);
}

/* Unless another socket has come under the number, and another thread. */
static void release(struct slot *slot, uint32_t cookie)
{
	uint64_t own = claim_of(cookie);

	atomic_compare_exchange_strong(&slot->claim, &own, 0);
}

/* Nothing is pending on that socket any more. */
static void drop(struct slot *slot, uint32_t cookie)
{
	if (atomic_compare_exchange_strong(&slot->socket, &cookie, 0))
		atomic_fetch_sub(&pp_pending_count, 1);
}

/* The count is never too low, so that nobody overlooks a record. */
static void add(struct slot *slot, int fd, uint32_t cookie)
{
	int before = atomic_load(&highest);

	while (before < fd &&
	       !atomic_compare_exchange_weak(&highest, &before, fd))
		;
	atomic_fetch_add(&pp_pending_count, 1);
	if (atomic_exchange(&slot->socket, cookie) != 0)
		atomic_fetch_sub(&pp_pending_count, 1);
}

/* Does the record speak of the socket that the descriptor is? */
static bool is_current(int fd, struct slot *slot, uint32_t *cookie)
{
	*cookie = atomic_load(&slot->socket);
	if (*cookie == 0)
		return false;
	if ((uint32_t)pp_cookie_of(fd) == *cookie)
		return true;
	/* in a child of vfork it is the parent's */
	if (!pp_process_is_guest())
		drop(slot, *cookie);
	return false;
}

/* What the kernel says of a socket without being asked (poll(2)). */
static short state_of(int fd)
{
	struct pollfd poll_fd = { .fd = fd };

	return real_poll(&poll_fd, 1, 0) > 0 ? poll_fd.revents : 0;
}

/*
 * Is a connection of that state over before its header? Tells of it. An error
 * that the kernel has to tell is the program's: what is sent would take it
 * away.
 */
static bool is_over(int fd, short state)
{
	if (state == 0)
		return false;
	pp_client_header_unsaid(fd, "the connection is over");
	return true;
}

/*
 * Why has the socket no peer? Before connect(2) has begun it looks as when the
 * kernel has given up, but for the error.
 */
static enum pp_tried why_early(int fd, const struct slot *slot,
			       uint32_t cookie)
{
	short state = state_of(fd);

	if (state == POLLHUP && slot != NULL &&
	    atomic_load(&slot->connecting) == cookie)
		return PP_TRIED_UNBEGUN;
	return is_over(fd, state) ? PP_TRIED_SAID : PP_TRIED_EARLY;
}

/*
 * Locks and unlocks (F_WRLCK, F_UNLCK) the socket against other processes: it
 * may be a forked one's, too. A lock that cannot be had is gone without. False
 * where it is another socket meanwhile.
 */
static bool lock(const struct pp_saying *saying, short type)
{
	struct flock lock = { .l_type = type, .l_whence = SEEK_SET };

	/* F_SETLKW would wait with the signals blocked */
	while (real_fcntl(saying->fd, F_SETLK, (intptr_t)&lock) != 0 &&
	       (errno == EAGAIN || errno == EACCES))
		if (!pp_client_header_wait(saying, LOCK_MS))
			return false;
	return true;
}

/* Says the header to a peer, unless something has been sent already. */
static int say_first(const struct pp_saying *saying,
		     const struct sockaddr_storage *name, socklen_t length)
{
	union pp_address connected;
	int fd = saying->fd;

	/* by another process, or by a system call of the program's own */
	if (!pp_send_is_first(fd) || is_over(fd, state_of(fd)))
		return PP_TRIED_SAID;
	pp_address_from_kernel(&connected, (const struct sockaddr *)name,
			       length);
	return pp_client_header_say(saying, &connected);
}

/* Says the header on a socket that other threads keep their hands off. */
static int say_claimed(const struct pp_saying *saying, const struct slot *slot)
{
	struct sockaddr_storage name;
	socklen_t length = sizeof(name);
	int result;

	if (getpeername(saying->fd, (struct sockaddr *)&name, &length) != 0)
		return (int)why_early(saying->fd, slot, saying->cookie);
	if (!lock(saying, F_WRLCK))
		return -ESTALE;
	result = say_first(saying, &name, length);
	if (result != -ESTALE)
		lock(saying, F_UNLCK);
	return result;
}

/* Is it this thread that was at it when a signal came? */
static bool is_own(const struct slot *slot, uint32_t cookie)
{
	return atomic_load(&slot->claim) == claim_of(cookie);
}

int pp_pending_try(int fd, struct pp_signals *signals)
{
	struct slot *slot = slot_of(fd, false);
	uint32_t cookie, still;
	int result = PP_TRIED_SAID;

	if (slot == NULL || !is_current(fd, slot, &cookie))
		return PP_TRIED_SAID;
	if (!claim(slot, cookie))
		return is_own(slot, cookie) ? PP_TRIED_WITHIN : PP_TRIED_BUSY;
	/* another thread may have been at it, or have closed it, until now */
	if (is_current(fd, slot, &still) && still == cookie) {
		result = say_claimed(&(struct pp_saying){ fd, cookie, signals },
				     slot);
		if (result <= PP_TRIED_SAID)
			drop(slot, cookie);
	}
	release(slot, cookie);
	return result;
}

void pp_pending_say(int fd)
{
	int error = errno, cancel;

	pthread_setcancelstate(PTHREAD_CANCEL_DISABLE, &cancel);
	pp_pending_try(fd, NULL);
	pthread_setcancelstate(cancel, NULL);
	errno = error;
}

/* Says what can be said on some sockets that a header is pending on. */
static void say_some(struct pollfd *fds, nfds_t count,
		     struct pp_signals *signals)
{
	if (real_poll(fds, count, 0) <= 0)
		return;
	for (nfds_t i = 0; i < count; i++)
		if (fds[i].revents != 0)
			pp_pending_try(fds[i].fd, signals);
}

/* The next descriptor from fd on, up to last, that has a record; or -1. */
static int next_noted(int fd, int last)
{
	for (; fd <= last; fd++) {
		const struct slot *slot = slot_of(fd, false);

		if (slot != NULL && atomic_load(&slot->socket) != 0)
			return fd;
		/* no slot is on this page */
		if (slot == NULL && last - fd >= PP_TABLE_PAGE)
			fd |= PP_TABLE_PAGE - 1;
	}
	return -1;
}

/*
 * Drops a record that is stale, one a look and each in its turn: what has come
 * under the number may never be ready, and would be looked at for good.
 */
static void check_next(int last)
{
	static _Atomic int turn;
	int fd = next_noted(atomic_load(&turn), last);
	uint32_t cookie;

	if (fd < 0)
		fd = next_noted(0, last);
	if (fd < 0)
		return;
	atomic_store(&turn, fd + 1);
	is_current(fd, slot_of(fd, false), &cookie);
}

/*
 * One look for many of them. Whether a record is current is only asked where
 * something can be done, and of one more.
 */
void pp_pending_say_all(struct pp_signals *signals)
{
	int left = atomic_load(&pp_pending_count);
	int last = atomic_load(&highest), fd = -1;
	struct pollfd some[TOGETHER];
	int error = errno, cancel;
	nfds_t count = 0;

	pthread_setcancelstate(PTHREAD_CANCEL_DISABLE, &cancel);
	for (; left > 0 && (fd = next_noted(fd + 1, last)) >= 0; left--) {
		some[count++] = (struct pollfd){ .fd = fd, .events = POLLOUT };
		if (count < TOGETHER)
			continue;
		say_some(some, count, signals);
		count = 0;
	}
	if (count > 0)
		say_some(some, count, signals);
	check_next(last);
	pthread_setcancelstate(cancel, NULL);
	errno = error;
}

bool pp_pending_is_noted(int fd)
{
	struct slot *slot = slot_of(fd, false);

	return slot != NULL && atomic_load(&slot->socket) != 0;
}

void pp_pending_duplicate(int from, int to)
{
	struct slot *slot = slot_of(from, false);
	int error = errno;
	uint32_t cookie;

	if (slot != NULL && from != to && is_current(from, slot, &cookie) &&
	    !pp_process_is_guest()) {
		slot = slot_of(to, true);
		if (slot != NULL)
			add(slot, to, cookie);
	}
	errno = error;
}

void pp_pending_begin(struct pp_connecting *connecting, int fd)
{
	struct slot *slot = slot_of(fd, true);

	*connecting = (struct pp_connecting){ .fd = fd,
					      .cookie = (uint32_t)
						      pp_cookie_of(fd) };
	if (slot == NULL || connecting->cookie == 0)
		return;
	connecting->again = atomic_load(&slot->socket) == connecting->cookie;
	/* nobody is to find the record without this */
	atomic_store(&slot->connecting, connecting->cookie);
	add(slot, fd, connecting->cookie);
}

/*
 * Says the header after a connect to that address which has succeeded. The
 * kernel has no peer yet with TCP_FASTOPEN_CONNECT: it connects when something
 * is sent. Until then its counters have no meaning.
 */
static void say_connected(const struct pp_saying *saying,
			  const struct sockaddr *address, socklen_t length)
{
	int fd = saying->fd;
	struct sockaddr_storage name;
	socklen_t name_length = sizeof(name);
	union pp_address given;

	if (getpeername(fd, (struct sockaddr *)&name, &name_length) == 0) {
		say_first(saying, &name, name_length);
		return;
	}
	if (is_over(fd, state_of(fd)))
		return;
	pp_address_from_kernel(&given, address, length);
	pp_client_header_say(saying, &given);
}

/* Says what connect has left to say. Is nothing left for later? */
static bool say_behind(const struct pp_connecting *connecting,
		       const struct slot *slot, const struct sockaddr *address,
		       socklen_t length, int error)
{
	const struct pp_saying saying = { .fd = connecting->fd,
					  .cookie = connecting->cookie };

	/* an address that the kernel has read is there; it may be AF_UNSPEC */
	if (error == 0 && length >= sizeof(address->sa_family) &&
	    pp_family_is_internet(address->sa_family)) {
		say_connected(&saying, address, length);
		return true;
	}
	if (connecting->cookie != 0 &&
	    (pp_pending_is_under_way(error) || connecting->again))
		return say_claimed(&saying, slot) <= PP_TRIED_SAID;
	return true;
}

/*
 * Makes this thread the one that says the header, whoever else is at it. False
 * where it is at it already, and a signal came.
 */
static bool take(struct slot *slot, uint32_t cookie)
{
	while (!claim(slot, cookie)) {
		if (is_own(slot, cookie))
			return false;
		real_poll(NULL, 0, 1);
	}
	return true;
}

void pp_pending_connected(const struct pp_connecting *connecting,
			  const struct sockaddr *address, socklen_t length,
			  int error)
{
	struct slot *slot = slot_of(connecting->fd, false);
	uint32_t cookie = connecting->cookie;
	int cancel, before = errno;

	pthread_setcancelstate(PTHREAD_CANCEL_DISABLE, &cancel);
	if (slot == NULL || cookie == 0) {
		say_behind(connecting, slot, address, length, error);
		if (pp_pending_is_under_way(error))
			pp_client_header_unsaid(connecting->fd,
						slot == NULL
						? "there is no memory"
						: "the socket has no number");
	} else if (take(slot, cookie)) {
		atomic_compare_exchange_strong(&slot->connecting, &cookie, 0);
		cookie = connecting->cookie;
		/* another thread may have said it */
		if (atomic_load(&slot->socket) == cookie &&
		    say_behind(connecting, slot, address, length, error))
			drop(slot, cookie);
		release(slot, connecting->cookie);
	}
	pthread_setcancelstate(cancel, NULL);
	errno = before;
}
