/* SPDX-License-Identifier: ISC */
/*
 * The hooks of select(2) and pselect(2). Where a room is concerned they wait by
 * poll(2): its descriptor may be one that no set of the program's has a place
 * for. See poll.h.
 */
#include <config.h>

#include "preload/server/poll.h"
#include "preload/server/rooms.h"

#include "api/proxyproto.h"
#include "preload/real.h"
#include "preload/server/descriptors.h"
#include "preload/server/listeners.h"

#include <errno.h>
#include <fcntl.h>
#include <sys/select.h>

#define WORD_BITS ((int)(8 * sizeof(unsigned long)))

/* What select(2) asks a descriptor in each of its sets, and takes for a yes. */
static const struct {
	short asked;
	short answers;
} meanings[3] = {
	{ POLLIN | POLLRDNORM | POLLRDBAND,
	  POLLIN | POLLRDNORM | POLLRDBAND | POLLHUP | POLLERR },
	{ POLLOUT | POLLWRNORM | POLLWRBAND,
	  POLLOUT | POLLWRNORM | POLLWRBAND | POLLERR },
	{ POLLPRI, POLLPRI },
};

/* What the program gave: sets of any size, as the kernel takes them. */
struct selection {
	int count;	/* descriptors that its sets have */
	unsigned long *sets[3];	/* readable, writable, exceptional, or NULL */
};

/* The events by which poll(2) asks what the sets ask about a descriptor. */
static short get_events(const struct selection *selection, int fd)
{
	const unsigned long bit = 1UL << (fd % WORD_BITS);
	short events = 0;

	for (size_t set = 0; set < 3; set++)
		if (selection->sets[set] != NULL &&
		    (selection->sets[set][fd / WORD_BITS] & bit))
			events |= meanings[set].asked;
	return events;
}

static void copy_selected(struct pp_polling *polling)
{
	const struct selection *selection = polling->call;

	for (int fd = 0; fd < selection->count; fd++) {
		short events = get_events(selection, fd);

		if (events != 0 && polling->count < polling->size)
			polling->fds[polling->count++] = (struct pollfd){
				.fd = fd, .events = events
			};
	}
}

/* Is a descriptor that was polled for set a yes in it? */
static bool is_answer(const struct pollfd *fd, size_t set)
{
	return fd->fd >= 0 && (fd->events & meanings[set].asked) &&
	       (fd->revents & meanings[set].answers);
}

/* Writes the answers over what the program asked, as whole words. */
static void write_sets(const struct pp_polling *polling)
{
	const struct selection *selection = polling->call;

	for (size_t set = 0; set < 3; set++) {
		unsigned long *words = selection->sets[set];

		if (words == NULL)
			continue;
		for (int fd = 0; fd < selection->count; fd += WORD_BITS)
			words[fd / WORD_BITS] = 0;
		for (nfds_t i = 0; i < polling->count; i++)
			if (is_answer(&polling->fds[i], set))
				words[polling->fds[i].fd / WORD_BITS] |=
					1UL << (polling->fds[i].fd % WORD_BITS);
	}
}

/*
 * How many answers the sets have now; -1 with EBADF where one is not open.
 * poll(2) tells more than select(2) asks: a descriptor of which it told only
 * that is left out from then on, as it would again.
 */
static int write_answers(struct pp_polling *polling)
{
	int answers = 0;

	for (nfds_t i = 0; i < polling->count; i++) {
		struct pollfd *fd = &polling->fds[i];
		int before = answers;

		if (fd->fd >= 0 && (fd->revents & POLLNVAL)) {
			errno = EBADF;
			return -1;
		}
		for (size_t set = 0; set < 3; set++)
			answers += is_answer(fd, set);
		if (fd->fd >= 0 && fd->revents != 0 && answers == before)
			fd->fd = ~fd->fd;
	}
	if (answers > 0)
		write_sets(polling);
	return answers;
}

/* Has the program a descriptor that a set of the usual size has no place for? */
static bool has_large_descriptor(int count)
{
	const int end = count < 8 * FD_SETSIZE ? count : 8 * FD_SETSIZE;

	if (fcntl(count - 1, F_GETFD, 0) >= 0 && !pp_descriptors_has(count - 1))
		return true;
	for (int fd = FD_SETSIZE; fd < end; fd++)
		if (fcntl(fd, F_GETFD, 0) >= 0 && !pp_descriptors_has(fd))
			return true;
	return false;
}

/*
 * What the program has given. The kernel does not look at what is above its
 * table of descriptors, so programs may say getdtablesize() with sets of the
 * usual size; our own descriptors would make it look.
 */
static struct selection selection_of(int count, fd_set *readable,
				     fd_set *writable, fd_set *exceptional)
{
	int error = errno;

	if (pp_rooms_any_open() && count > FD_SETSIZE &&
	    !has_large_descriptor(count))
		count = FD_SETSIZE;
	errno = error;
	return (struct selection){ .count = count,
				   .sets = { (void *)readable, (void *)writable,
					     (void *)exceptional } };
}

/*
 * While a room is open: selects, if one is concerned and time is a timeout, and
 * leaves *result. What is wrong with a call is for the kernel to say. *end is
 * when a select that waits for rooms ends. Keeps errno if it does not select.
 */
static bool try_select_with_rooms(struct selection *selection,
				  const struct timespec *time,
				  const sigset_t *mask, int64_t *end,
				  int *result)
{
	struct pp_polling polling = { .mask = mask,
				      .fill = copy_selected,
				      .answer = write_answers,
				      .call = selection };
	int error = errno;
	nfds_t rooms = 0;

	if (!pp_rooms_any_open() || selection->sets[0] == NULL ||
	    !pp_timeout_is_valid(time))
		return false;
	for (size_t set = 0; set < 3; set++)
		if (selection->sets[set] != NULL &&
		    !pp_is_address(selection->sets[set]))
			return false;
	for (int fd = 0; fd < selection->count; fd++) {
		short events = get_events(selection, fd);

		polling.size += events != 0;
		if ((events & POLLIN) && pp_listeners_mark_polled(fd))
			rooms++;
	}
	errno = error;
	if (rooms == 0)
		return false;
	*end = pp_timeout_end(time);
	polling.end = *end;
	polling.size += rooms;
	*result = pp_poll_run(&polling);
	polling.count = 0;
	if (*result == 0)
		write_sets(&polling);
	return true;
}

/* Marks which listeners the program waited for, where select(2) told of any. */
static int mark_selected(int result, int count, const fd_set *readable)
{
	if (result > 0 && readable != NULL && pp_listeners_any_only_accepted())
		for (int fd = 0; fd < count && fd < FD_SETSIZE; fd++)
			if (FD_ISSET(fd, readable))
				pp_listeners_mark_polled(fd);
	return result;
}

PP_EXPORT int pselect(int count, fd_set *readable, fd_set *writable,
		      fd_set *exceptional, const struct timespec *timeout,
		      const sigset_t *mask)
{
	struct selection selection =
		selection_of(count, readable, writable, exceptional);
	int64_t end;
	int result;

	if (try_select_with_rooms(&selection, timeout, mask, &end, &result))
		return result;
	return mark_selected(real_pselect(selection.count, readable, writable,
					  exceptional, timeout, mask),
			     selection.count, readable);
}

/* The timeout of select(2), which takes microseconds beyond a second. */
static struct timespec get_time(time_t seconds, int64_t us)
{
	struct timespec time = { .tv_sec = seconds,
				 .tv_nsec = (long)(us % 1000000 * 1000) };

	if (seconds >= 0 && seconds <= INT32_MAX)
		time.tv_sec += (time_t)(us / 1000000);
	return time;
}

PP_EXPORT int select(int count, fd_set *readable, fd_set *writable,
		     fd_set *exceptional, struct timeval *timeout)
{
	struct selection selection =
		selection_of(count, readable, writable, exceptional);
	struct timespec time;
	int64_t end;
	int result;

	if (timeout != NULL)
		time = get_time(timeout->tv_sec, timeout->tv_usec);
	if (!try_select_with_rooms(&selection, timeout == NULL ? NULL : &time,
				   NULL, &end, &result))
		return mark_selected(real_select(selection.count, readable,
						 writable, exceptional,
						 timeout),
				     selection.count, readable);
	/* as select(2) of Linux, and not pselect(2), does */
	if (timeout != NULL && pp_timeout_left(end, &time) != NULL) {
		timeout->tv_sec = time.tv_sec;
		timeout->tv_usec = time.tv_nsec / 1000;
	}
	return result;
}

#ifdef HAVE___SELECT64
/* The same two for programs whose time_t has 32 bits. */
int pselect32(int count, fd_set *readable, fd_set *writable,
	      fd_set *exceptional, const struct pp_timespec32 *timeout,
	      const sigset_t *mask) __asm__("pselect");
int select32(int count, fd_set *readable, fd_set *writable, fd_set *exceptional,
	     struct pp_timeval32 *timeout) __asm__("select");

PP_EXPORT int pselect32(int count, fd_set *readable, fd_set *writable,
			fd_set *exceptional,
			const struct pp_timespec32 *timeout,
			const sigset_t *mask)
{
	struct selection selection =
		selection_of(count, readable, writable, exceptional);
	struct timespec time;
	int64_t end;
	int result;

	if (try_select_with_rooms(&selection, pp_time_of(timeout, &time), mask,
				  &end, &result))
		return result;
	return mark_selected(real_pselect32(selection.count, readable, writable,
					    exceptional, timeout, mask),
			     selection.count, readable);
}

PP_EXPORT int select32(int count, fd_set *readable, fd_set *writable,
		       fd_set *exceptional, struct pp_timeval32 *timeout)
{
	struct selection selection =
		selection_of(count, readable, writable, exceptional);
	struct timespec time;
	int64_t end;
	int result;

	if (timeout != NULL)
		time = get_time(timeout->tv_sec, timeout->tv_usec);
	if (!try_select_with_rooms(&selection, timeout == NULL ? NULL : &time,
				   NULL, &end, &result))
		return mark_selected(real_select32(selection.count, readable,
						   writable, exceptional,
						   timeout),
				     selection.count, readable);
	if (timeout != NULL && pp_timeout_left(end, &time) != NULL) {
		timeout->tv_sec = (int32_t)time.tv_sec;
		timeout->tv_usec = (int32_t)(time.tv_nsec / 1000);
	}
	return result;
}
#endif
