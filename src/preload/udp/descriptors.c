/* SPDX-License-Identifier: ISC */
/* The hooks by which a number is closed, or becomes another's duplicate. */
#include <config.h>

#include "preload/real.h"
#include "preload/udp/connected.h"
#include "preload/udp/sockets.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdarg.h>

/* Nothing is known of these any more. */
static void forget_range(unsigned first, unsigned last)
{
	for (unsigned i = first / PP_UDP_CHUNK;
	     i < PP_UDP_CHUNKS && i <= last / PP_UDP_CHUNK; i++) {
		unsigned begin = i * PP_UDP_CHUNK;

		if (atomic_load(&pp_udp_words[i]) == NULL)
			continue;
		for (unsigned n = 0; n < PP_UDP_CHUNK; n++)
			if (begin + n >= first && begin + n <= last)
				pp_udp_set_word((int)(begin + n), PP_UDP_UNKNOWN);
	}
}

PP_EXPORT int close(int fd)
{
	int error = errno;

	/* before: afterwards the number may be another thread's */
	if (pp_udp_word(fd) != PP_UDP_UNKNOWN && pp_udp_is_owner())
		pp_udp_set_word(fd, PP_UDP_UNKNOWN);
	errno = error;
	return real_close(fd);
}

#ifdef HAVE_CLOSE_RANGE
#define CLOEXEC (1 << 2) /* CLOSE_RANGE_CLOEXEC: they are not closed now */
int close_range(unsigned first, unsigned last, int flags);

PP_EXPORT int close_range(unsigned first, unsigned last, int flags)
{
	if (!(flags & CLOEXEC) && first <= last && pp_udp_is_owner())
		forget_range(first, last);
	return real_close_range(first, last, flags);
}
#endif

#ifdef HAVE_CLOSEFROM
void closefrom(int first);

PP_EXPORT void closefrom(int first)
{
	if (pp_udp_is_owner())
		forget_range(first < 0 ? 0 : (unsigned)first, INT_MAX);
	real_closefrom(first);
}
#endif

/* A duplicate is what it is a duplicate of. */
static int follow_duplicate(int fd, int number)
{
	const uint64_t word = pp_udp_word(fd);

	if (number < 0 || number == fd ||
	    (word == PP_UDP_UNKNOWN && pp_udp_word(number) == word) ||
	    !pp_udp_is_owner())
		return number;
	if (word & PP_UDP_CONNECTED)
		pp_connected_copy(fd, number);
	pp_udp_set_word(number, word);
	return number;
}

PP_EXPORT int dup(int fd)
{
	return follow_duplicate(fd, real_dup(fd));
}

PP_EXPORT int dup2(int fd, int number)
{
	return follow_duplicate(fd, real_dup2(fd, number));
}

PP_EXPORT int dup3(int fd, int number, int flags)
{
	return follow_duplicate(fd, real_dup3(fd, number, flags));
}

/*
 * fcntl(2), of which C libraries have one or more. It is given what the program
 * gave, a word or nothing.
 */
typedef int pp_fcntl(int fd, int command, ...);

static int call_fcntl(enum pp_real index, int fd, int command, void *argument)
{
	pp_fcntl *function = (pp_fcntl *)pp_real_get(index);
	int result = function(fd, command, argument);

	if (command != F_DUPFD && command != F_DUPFD_CLOEXEC)
		return result;
	return follow_duplicate(fd, result);
}

/* The symbol by its own name, as headers may put another one in its place. */
#define FCNTL_HOOK(real, symbol)                                          \
	int hook_##real(int fd, int command, ...) __asm__(symbol);        \
	PP_EXPORT int hook_##real(int fd, int command, ...)               \
	{                                                                 \
		va_list list;                                             \
		void *argument;                                           \
                                                                          \
		va_start(list, command);                                  \
		argument = va_arg(list, void *);                          \
		va_end(list);                                             \
		return call_fcntl(PP_REAL_##real, fd, command, argument); \
	}

FCNTL_HOOK(fcntl, "fcntl")
#ifdef HAVE_FCNTL64
FCNTL_HOOK(fcntl64, "fcntl64")
#endif
#ifdef HAVE___FCNTL_TIME64
FCNTL_HOOK(fcntl_time64, "__fcntl_time64")
#endif
