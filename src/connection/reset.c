/* SPDX-License-Identifier: ISC */
/* Connections as after a client's reset; see reset.h. */
#include <config.h>

#include "connection/reset.h"

#include "connection/calls.h"
#include "connection/fast_open.h"
#include "connection/note.h"

#include <fcntl.h>
#include <unistd.h>

#define DISCARD_PORT 9

/* Ends the connection of a socket, if it has one, by a reset. */
static bool disconnect(int fd)
{
	const struct sockaddr nobody = { .sa_family = AF_UNSPEC };

	return pp_calls.connect(fd, &nobody, sizeof(nobody)) == 0;
}

/* The kernel's own addresses of a connection. */
static struct pp_note note_of(int fd, const union pp_address *peer)
{
	struct pp_note note = { .kind = PP_NOTE_RESET, .source = *peer };
	socklen_t length = sizeof(note.destination);

	pp_calls.getsockname(fd, &note.destination.sa, &length);
	return note;
}

void pp_reset_connection(int fd, const union pp_address *peer)
{
	const struct pp_note note = note_of(fd, peer);
	bool gone = disconnect(fd);
	char bytes[512];

	/* without it POLLIN would be missing */
	shutdown(fd, SHUT_RDWR);
	while (!gone &&
	       pp_calls.recv(fd, bytes, sizeof(bytes), MSG_DONTWAIT) > 0)
		;
	pp_note_write(fd, peer, &note);
}

static bool connect_to(int fd, const union pp_address *address)
{
	return pp_calls.connect(fd, &address->sa,
				pp_address_length(address)) == 0;
}

/* Connects to this machine, as far as Fast Open does before there are data. */
static bool connect_to_loopback(int fd, int family)
{
	union pp_address address = { .in = {
		.sin_family = AF_INET,
		.sin_port = htons(DISCARD_PORT),
		.sin_addr.s_addr = htonl(INADDR_LOOPBACK),
	} };

	if (family == AF_INET)
		return connect_to(fd, &address);
	pp_address_map(&address);
	if (connect_to(fd, &address))
		return true;
	address.in6.sin6_addr = in6addr_loopback;
	return connect_to(fd, &address);
}

/*
 * Only a socket that was connected is left with ECONNRESET. With Fast Open and
 * without a cookie connect(2) has nothing to do before the first byte is sent.
 */
static bool make_reset(int fd, int family)
{
	const int on = 1;

	return setsockopt(fd, IPPROTO_TCP, TCP_FASTOPEN_CONNECT, &on,
			  sizeof(on)) == 0 &&
	       setsockopt(fd, IPPROTO_TCP, TCP_FASTOPEN_NO_COOKIE, &on,
			  sizeof(on)) == 0 &&
	       connect_to_loopback(fd, family) && disconnect(fd);
}

static int open_socket(int family, int flags)
{
	return socket(family, SOCK_STREAM | SOCK_NONBLOCK |
				      (flags & SOCK_CLOEXEC),
		      IPPROTO_TCP);
}

/* Clients of Unix sockets do not reset: one end of a pair whose other is closed. */
static int open_end_of_pair(int flags)
{
	int ends[2];

	if (socketpair(AF_UNIX, SOCK_STREAM | flags, 0, ends) != 0)
		return -1;
	pp_calls.close(ends[1]);
	return ends[0];
}

/* Without its note. -1 with errno where there is none. */
static int open_stand_in(int family, int flags)
{
	int fd;

	if (family == AF_UNIX)
		return open_end_of_pair(flags);
	fd = open_socket(family, flags);
	if (fd >= 0 && !make_reset(fd, family)) {
		/* it may be connecting by now */
		pp_calls.close(fd);
		fd = open_socket(family, flags);
	}
	if (fd < 0)
		return -1;
	shutdown(fd, SHUT_RDWR);
	if (!(flags & SOCK_NONBLOCK))
		fcntl(fd, F_SETFL, 0);
	return fd;
}

int pp_reset_stand_in(int fd, const union pp_address *peer, int flags)
{
	const struct pp_note note = note_of(fd, peer);
	int stand_in = open_stand_in(peer->sa.sa_family, flags);

	if (stand_in >= 0)
		pp_note_write(stand_in, peer, &note);
	return stand_in;
}
