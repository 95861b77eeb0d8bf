/* SPDX-License-Identifier: ISC */
/*
 * What a header of the client's library states: where the program connects or
 * sends to, in the program's own memory, and the source. Signal-safe.
 */
#ifndef PP_PRELOAD_CLIENT_DESTINATION_H
#define PP_PRELOAD_CLIENT_DESTINATION_H

#include "settings/settings.h"

#include <stdbool.h>
#include <stddef.h>
#include <sys/socket.h>

/*
 * Which address of a network is next: one behind the other, from a start that
 * differs from process to process, forked ones included.
 */
uint64_t pp_next_place(const struct pp_settings *settings);

/*
 * Copies memory of the program's. False with EFAULT where there is none, as the
 * kernel would say to who gave that address.
 */
bool pp_copy_memory(void *to, const void *from, size_t size);

/*
 * Reads where to connect. False where that is no internet address: the kernel
 * has something to say to it, or dissolves the connection (AF_UNSPEC).
 */
bool pp_read_address(union pp_address *to, const struct sockaddr *address,
		     socklen_t length);

/* Turns it into where that gets to; see pp_outgoing_find_destination. */
void pp_find_destination(int fd, union pp_address *to);

#endif
