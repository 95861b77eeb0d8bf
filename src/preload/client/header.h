/* SPDX-License-Identifier: ISC */
/* The header that this process's settings make for a connection. */
#ifndef PP_PRELOAD_CLIENT_HEADER_H
#define PP_PRELOAD_CLIENT_HEADER_H

#include "connection/stated.h"

#include <stdbool.h>
#include <stdint.h>

#define PP_CLIENT_NEAR 512

/* One on its way; a longer one than near holds has memory of its own. */
struct pp_client_header {
	struct pp_stated stated;
	size_t length;
	size_t taken;			/* by the kernel, to be sent */
	uint8_t *bytes;
	size_t size;			/* of that memory */
	uint8_t near[PP_CLIENT_NEAR];
};

/*
 * Makes the header of a connection to there. False without memory; errno says
 * so. Signal-safe, as are the others.
 */
bool pp_client_header_make(struct pp_client_header *header,
			   const union pp_address *connected);

/*
 * Begins the connection with it, as far as the kernel takes it. Returns 0
 * where the connection is under way, or -errno; see pp_send_begin.
 */
int pp_client_header_begin(struct pp_client_header *header, int fd,
			   const struct sockaddr *address, socklen_t length);

/*
 * Where a connection is under way, waits for it and sends what is left, if
 * anything is, and in debug mode tells of it. No cancellation point; keeps
 * errno. The last call, wherever a header was made.
 */
void pp_client_header_end(struct pp_client_header *header, int fd,
			  bool under_way);

#endif
