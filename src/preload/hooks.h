/* SPDX-License-Identifier: ISC */
/*
 * The list of functions that the library which is being compiled intercepts,
 * PP_HOOKS, a file to be included (see there), and the types in it.
 */
#ifndef PP_PRELOAD_HOOKS_H
#define PP_PRELOAD_HOOKS_H

#include "export.h"

#include <poll.h>
#include <signal.h>
#include <stdint.h>
#include <sys/epoll.h>
#include <sys/select.h>
#include <sys/socket.h>
#include <sys/types.h>
#include <sys/uio.h>

#ifdef PP_CLIENT
#define PP_HOOKS "preload/client/hooks.def"
#else
#define PP_HOOKS "preload/server/hooks.def"
#endif

/* Two C libraries, two types; musl's off_t has 64 bits everywhere. */
#ifdef __GLIBC__
typedef int pp_mmsg_flags;
typedef off64_t pp_offset;
#else
typedef unsigned pp_mmsg_flags;
typedef off_t pp_offset;
#endif

#endif
