/* SPDX-License-Identifier: ISC */
/* Which socket is it that a descriptor stands for? */
#ifndef PP_CONNECTION_COOKIE_H
#define PP_CONNECTION_COOKIE_H

#include <stdint.h>

/*
 * A number for the socket that no other has had of late; 0 for none. Kernels
 * before 4.6 have no SO_COOKIE: then that of its inode. Keeps no errno.
 * Signal-safe.
 */
uint32_t pp_cookie_of(int fd);

#endif
