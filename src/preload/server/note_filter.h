/* SPDX-License-Identifier: ISC */
/*
 * The part of the note on a socket (note.h) that is too long for the rest: a
 * classic BPF filter that lets every packet pass and whose instructions, never
 * run, spell out the record. From some kernels on (Linux commit 5d39580f68e6)
 * only who has CAP_NET_ADMIN may attach a filter to a TCP socket. Who holds
 * the socket may read it.
 */
#ifndef PP_PRELOAD_SERVER_NOTE_FILTER_H
#define PP_PRELOAD_SERVER_NOTE_FILTER_H

#include "preload/server/record.h"

/*
 * Attaches a filter to the socket fd, in place of an older one of ours. False
 * where that cannot be: the program has a filter of its own there, which
 * stays, or the kernel says no. Async-signal-safe and writes no memory. Changes
 * errno.
 */
bool pp_note_filter_write(int fd, const struct pp_peer *peer);

/*
 * Reads the filter of the socket fd: one system call. False where there is
 * none, another one, or a damaged one. Async-signal-safe. Changes errno.
 */
bool pp_note_filter_read(int fd, struct pp_peer *peer);

#endif
