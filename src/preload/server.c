/* SPDX-License-Identifier: ISC */
/* The hooks of libproxyproto.so. What they do is in accept.c. */
#include <config.h>

#include "accept.h"
#include "configuration.h"
#include "proxyproto.h"
#include "real.h"

#include <errno.h>
#include <unistd.h>

PP_EXPORT int accept(int fd, struct sockaddr *address, socklen_t *length)
{
	struct pp_accept_call call = { .listener = fd,
				       .address = address,
				       .length = length };

	return pp_accept(&call);
}

PP_EXPORT int accept4(int fd, struct sockaddr *address, socklen_t *length,
		      int flags)
{
	struct pp_accept_call call = { .listener = fd,
				       .address = address,
				       .length = length,
				       .accept4 = true,
				       .flags = flags };

	return pp_accept(&call);
}

/* Settings that cannot be used are told of before a client is kept waiting. */
PP_EXPORT int listen(int fd, int backlog)
{
	if (!pp_configuration_allows(fd)) {
		errno = EINVAL;
		return -1;
	}
	return real_listen(fd, backlog);
}

/*
 * The settings file is that of the root directory that the program started
 * in. A server that goes to jail before its first accept would find none in
 * there, and believe everyone.
 */
PP_EXPORT int chroot(const char *path)
{
	pp_configuration_complete();
	return real_chroot(path);
}

#ifdef PP_GETPEERNAME_CACHE
PP_EXPORT int getpeername(int fd, struct sockaddr *address, socklen_t *length)
{
	return pp_getpeername(fd, address, length);
}
#endif

PP_EXPORT const char *proxyproto_version(void)
{
	return PACKAGE_VERSION;
}
