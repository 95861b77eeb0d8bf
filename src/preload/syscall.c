/* SPDX-License-Identifier: ISC */
/*
 * syscall(2), by which libuv (before 1.45) sends and receives datagrams: those
 * of dig and of BIND. All other calls by it are the kernel's.
 */
#include <config.h>

#include "preload/configuration.h"
#include "preload/real.h"

#include <stdarg.h>
#include <sys/syscall.h>
#include <unistd.h>

#define ARGUMENTS 6

typedef long pp_syscall(long number, ...);

static long call_kernel(long number, const long at[ARGUMENTS])
{
	pp_syscall *function = (pp_syscall *)pp_real_get(PP_REAL_syscall);

	return function(number, at[0], at[1], at[2], at[3], at[4], at[5]);
}

/* Are the hooks of datagrams to be called? They know for which sockets. */
static bool is_asked(void)
{
#ifdef PP_CLIENT
	return pp_is_udp_asked();
#else
	return true;
#endif
}

/* As the C library's it takes six words, whatever was given. */
PP_EXPORT long syscall(long number, ...)
{
	long at[ARGUMENTS];
	va_list list;

	va_start(list, number);
	for (int i = 0; i < ARGUMENTS; i++)
		at[i] = va_arg(list, long);
	va_end(list);
	if (!is_asked())
		return call_kernel(number, at);
	switch (number) {
	case SYS_sendmmsg:
		return sendmmsg((int)at[0], (struct mmsghdr *)at[1],
				(unsigned)at[2], (pp_mmsg_flags)at[3]);
	case SYS_recvmmsg:
		/* a time is of the kernel's type, which may be another one */
		if (at[4] == 0)
			return recvmmsg((int)at[0], (struct mmsghdr *)at[1],
					(unsigned)at[2], (pp_mmsg_flags)at[3],
					NULL);
		break;
	default:
		break;
	}
	return call_kernel(number, at);
}
