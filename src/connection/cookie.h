/* SPDX-License-Identifier: ISC */
/* Which socket is it that a descriptor stands for? */
#ifndef PP_CONNECTION_COOKIE_H
#define PP_CONNECTION_COOKIE_H

#include <stdint.h>

/*
 * A number of the socket that no other has had of late: SO_COOKIE, or where
 * the kernel has none (before 4.6) that of its inode. 0 for what is no socket,
 * or cannot be asked: it equals nothing. Changes errno. Signal-safe.
 */
uint64_t pp_cookie_of(int fd);

#endif
