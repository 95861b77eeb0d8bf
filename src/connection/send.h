/* SPDX-License-Identifier: ISC */
/*
 * Makes the header that the client's settings ask for, and puts it in
 * front of everything else on a TCP connection.
 */
#ifndef PP_CONNECTION_SEND_H
#define PP_CONNECTION_SEND_H

#include "settings/settings.h"

#include <poll.h>
#include <sys/socket.h>
#include <sys/types.h>

/* How a header is sent, and by which calls. */
struct pp_send_way {
	ssize_t (*sendto)(int fd, const void *bytes, size_t size, int flags,
			  const struct sockaddr *address, socklen_t length);
	int (*poll)(struct pollfd *fds, nfds_t count, int timeout);
	size_t split;	/* bytes a write, 0 for all of them */
	int delay;	/* milliseconds between two writes */
};

/*
 * Begins a connection to that address on a closed socket, whose first bytes
 * are these, or the first piece of them (Fast Open). They leave with the SYN,
 * and again after it where the other side did not take them so. Does not wait,
 * blocking or not.
 *
 * Returns how many of them the kernel has taken; a connection is under way
 * then, with 0, too. Or -errno as connect(2) fails, -EOPNOTSUPP where Fast Open
 * is off: nothing has begun.
 */
ssize_t pp_send_begin(int fd, const struct pp_send_way *way,
		      const void *bytes, size_t size,
		      const struct sockaddr *address, socklen_t length);

/*
 * Waits until a connection that is under way is established, whatever signal
 * comes, and sends what is left of size bytes behind the first few. Where they
 * are split each write leaves at once (TCP_NODELAY and no TCP_CORK, meanwhile).
 * Where only a part could be sent the connection is shut down, so that no
 * receiver mistakes what follows for the rest.
 *
 * Returns 0 or -errno: -ENOTCONN where nothing came of the connection, which
 * is left for the program to ask for (SO_ERROR).
 */
int pp_send_rest(int fd, const struct pp_send_way *way, const void *bytes,
		 size_t size, size_t taken);

/* What a header states, for the log; AF_UNSPEC where it states nothing. */
struct pp_stated {
	union pp_address source;
	union pp_address destination;
};

/* The bytes that no header made from these settings goes beyond. */
size_t pp_outgoing_size(const struct pp_settings *settings);

/*
 * Writes the header of a connection to that address. Where the source is a
 * network, it is the address so many places behind the first, beginning again
 * at the end. Returns the length, or 0 where nothing can be written.
 */
size_t pp_outgoing_format(const struct pp_settings *settings, uint64_t place,
			  const union pp_address *connected, uint8_t *bytes,
			  size_t size, struct pp_stated *stated);

/*
 * The same before a datagram to that address, with Simple Proxy Protocol where
 * the settings say so. A raw header is left as it is.
 */
size_t pp_outgoing_format_datagram(const struct pp_settings *settings,
				   uint64_t place,
				   const union pp_address *connected,
				   uint8_t *bytes, size_t size,
				   struct pp_stated *stated);

/* Is it the address of nobody (0.0.0.0, ::), of whatever port? */
bool pp_outgoing_is_to_nobody(const union pp_address *to);

/*
 * Where a connection gets to: not v4-mapped, and from the address of nobody to
 * the one that its socket is bound to, or else to the loopback address.
 */
void pp_outgoing_find_destination(union pp_address *to,
				  const union pp_address *own);

/*
 * For debug mode: a header of that length was sent by fd, in the course of a
 * call ("connect"), or not (-errno).
 */
void pp_report_sent(const char *who, const struct pp_settings *settings,
		    const char *by, int fd, size_t length,
		    const struct pp_stated *stated, int error);

#endif
