/* SPDX-License-Identifier: ISC */
/*
 * Served sockets that a program has connected to a client. The kernel connects
 * them to the client's proxy, and the client is remembered by the descriptor.
 */
#ifndef PP_PRELOAD_UDP_CONNECTED_H
#define PP_PRELOAD_UDP_CONNECTED_H

#include "protocol/address.h"

#include <stdbool.h>
#include <stdint.h>

/* The client of a descriptor whose word has PP_UDP_CONNECTED. */
bool pp_connected_client(int fd, union pp_address *client);

/*
 * Is such a descriptor connected yet? A duplicate of it may have ended that,
 * which is noted. One system call.
 */
bool pp_connected_stands(int fd, uint64_t word);

/* The number is a duplicate of another one. */
void pp_connected_copy(int from, int to);

#endif
