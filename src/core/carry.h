/* SPDX-License-Identifier: ISC */
/*
 * The note on a socket: who is behind it, for processes that the table of
 * peers does not reach. It is a classic BPF filter that lets every packet pass
 * and whose instructions, never run, spell out the record. The kernel keeps it
 * with the socket, whoever holds that, and drops it with the socket; only
 * those who hold the socket can write it.
 */
#ifndef PP_CARRY_H
#define PP_CARRY_H

#include "record.h"

/* The form of the note and of the record in it. */
#define PP_CARRY_VERSION 1

/*
 * Leaves a note on the socket fd, in place of an older note. False where that
 * cannot be: the program has a filter of its own there, which stays, or the
 * kernel has no memory for the note (or says no for another reason). A peer
 * without a client, of family AF_UNSPEC, says that the connection was examined
 * and has none. Async-signal-safe and writes no memory, so safe in a child of
 * vfork(2), too. Changes errno.
 */
bool pp_carry_write(int fd, const struct pp_peer *peer);

/*
 * Reads the note on the socket fd: one system call. False where there is no
 * filter, another one, or a damaged note. The caller compares peer->kernel
 * with whom the kernel names: the socket may have been connected anew.
 * Async-signal-safe. Changes errno.
 */
bool pp_carry_read(int fd, struct pp_peer *peer);

#endif
