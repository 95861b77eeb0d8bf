/* SPDX-License-Identifier: ISC */
/*
 * real_NAME() for each hooked NAME, and for what else the library calls that
 * the other one hooks: the function that the program would have called without
 * this library. Nothing in it calls a hooked function by its own name.
 */
#ifndef PP_PRELOAD_REAL_H
#define PP_PRELOAD_REAL_H

#include "export.h"

#include <errno.h>
#include <poll.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/epoll.h>
#include <sys/select.h>
#include <sys/socket.h>
#include <sys/types.h>
#include <sys/uio.h>
#include <time.h>

/*
 * The list of functions that the library which is being compiled intercepts, a
 * file to be included (see there), and the types in it.
 */
#if defined(PP_CLIENT)
#define PP_HOOKS "preload/client/hooks.def"
#elif defined(PP_UDP)
#define PP_HOOKS "preload/udp/hooks.def"
#else
#define PP_HOOKS "preload/server/hooks.def"
#endif

/*
 * 32-bit programs of glibc have a time_t of 32 or of 64 bits, and functions for
 * each: headers name select so, or __select64, in callers and here. The library
 * is compiled for 64 bits, and knows the others as real_select32 and so on.
 */
#ifdef HAVE___SELECT64
struct pp_timespec32 {
	int32_t tv_sec, tv_nsec;
};

struct pp_timeval32 {
	int32_t tv_sec, tv_usec;
};
#endif

/* Two C libraries, two types; musl's off_t has 64 bits everywhere. */
#ifdef __GLIBC__
typedef int pp_mmsg_flags;
typedef off64_t pp_offset;
#else
typedef unsigned pp_mmsg_flags;
typedef off_t pp_offset;
#endif

#define PP_HOOK(type, name, parameters, arguments) PP_REAL_##name,
#define PP_HOOK_AS(type, name, symbol, parameters, arguments) PP_REAL_##name,
#define PP_CALL PP_HOOK
enum pp_real {
#include PP_HOOKS
	PP_REAL_COUNT
};

typedef void (*pp_real_function)(void);

/* Only for what follows. */
extern _Atomic uintptr_t pp_real_addresses[PP_REAL_COUNT];
pp_real_function pp_real_look_up(enum pp_real index);

/*
 * The same; one that fails with ENOSYS in place of NULL. Here, as it is ahead of
 * each call of the program's.
 */
static inline pp_real_function pp_real_get(enum pp_real index)
{
	const uintptr_t address = atomic_load_explicit(
		&pp_real_addresses[index], memory_order_relaxed);

	return __builtin_expect(address != 0, 1)
		       ? (pp_real_function)address
		       : pp_real_look_up(index);
}

/*
 * Ends the program, as the C library does where one that is built with
 * _FORTIFY_SOURCE says that its memory is too short. Not hooked.
 */
_Noreturn void __chk_fail(void);

/*
 * Looks all of them up, once. The dynamic linker's lock is not for signal
 * handlers, nor for a child that was forked while a thread had it, and a
 * program that has confined itself (seccomp) is to notice nothing: so this is
 * for the library's constructor. Whoever is there before, another library's
 * constructor, is served all the same.
 *
 * False where another copy of this same library, under another path, comes
 * before this one in the search order. That one does the work; this one must
 * not.
 */
bool pp_real_resolve(void);

#define PP_HOOK(type, name, parameters, arguments)                          \
	typedef type (*pp_##name##_function) parameters;                   \
	/* NULL where it was not looked up yet. */                         \
	static inline pp_##name##_function known_##name(void)              \
	{                                                                  \
		return (pp_##name##_function)atomic_load_explicit(         \
			&pp_real_addresses[PP_REAL_##name],                \
			memory_order_relaxed);                             \
	}                                                                  \
	static inline type real_##name parameters                          \
	{                                                                  \
		return ((pp_##name##_function)pp_real_get(                 \
			PP_REAL_##name))arguments;                         \
	}
#define PP_HOOK_AS(type, name, symbol, parameters, arguments) \
	PP_HOOK(type, name, parameters, arguments)
#define PP_CALL PP_HOOK
#include PP_HOOKS

#endif
