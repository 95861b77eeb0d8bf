/* SPDX-License-Identifier: ISC */
/*
 * What a program is given in place of a connection that it must not see, when
 * it was told that there is one: a socket as a kernel leaves it whose client
 * has reset the connection. poll(2) says IN, OUT, ERR, HUP and RDHUP, the first
 * read or write ECONNRESET, the next read end of file.
 */
#ifndef PP_CONNECTION_RESET_H
#define PP_CONNECTION_RESET_H

#include "protocol/address.h"

/*
 * Both leave a note of the kernel's own addresses, as a program asks for them:
 * of the peer, as the kernel names it, and where that connected to.
 */

/*
 * Makes the connection one: the client gets a reset, what it had sent is thrown
 * away. Where the kernel refuses that it is shut down at least, and what had
 * arrived is taken off: it then reads as end of file, as always on a Unix
 * socket. May change errno.
 */
void pp_reset_connection(int fd, const union pp_address *peer);

/*
 * A new socket of the peer's family (AF_INET, AF_INET6, AF_UNIX) and flags
 * (SOCK_NONBLOCK, SOCK_CLOEXEC) that looks like one, and has sent nothing to
 * anybody. It stands in for the connection fd, or for one that has the local
 * address of its listener fd. Where Fast Open or the loopback interface is off,
 * and always for a Unix listener, it reads as end of file. -1 with errno set
 * where there is no descriptor or memory.
 */
int pp_reset_stand_in(int fd, const union pp_address *peer, int flags);

#endif
