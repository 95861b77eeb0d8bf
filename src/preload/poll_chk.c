/* SPDX-License-Identifier: ISC */
/*
 * What _FORTIFY_SOURCE makes of poll and ppoll in programs: the same hooks.
 */
#include <config.h>

#include "preload/real.h"

#ifdef HAVE___POLL_CHK
int __poll_chk(struct pollfd *fds, nfds_t count, int timeout, size_t size);

PP_EXPORT int __poll_chk(struct pollfd *fds, nfds_t count, int timeout,
			 size_t size)
{
	/* what is too short is for the C library to complain about */
	if (size / sizeof(*fds) < count)
		return real___poll_chk(fds, count, timeout, size);
	return poll(fds, count, timeout);
}
#endif

#ifdef HAVE___PPOLL_CHK
int __ppoll_chk(struct pollfd *fds, nfds_t count,
		const struct timespec *timeout, const sigset_t *mask,
		size_t size);

PP_EXPORT int __ppoll_chk(struct pollfd *fds, nfds_t count,
			  const struct timespec *timeout, const sigset_t *mask,
			  size_t size)
{
	if (size / sizeof(*fds) < count)
		return real___ppoll_chk(fds, count, timeout, mask, size);
	return ppoll(fds, count, timeout, mask);
}
#endif
