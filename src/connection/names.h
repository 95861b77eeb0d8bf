/* SPDX-License-Identifier: ISC */
/*
 * What a program is told of the two ends of a connection: by the header that
 * was taken off, or by the note on its socket. It is the same in the program's
 * process and outside of it. Nothing is kept here; all change errno, and are
 * signal-safe.
 */
#ifndef PP_CONNECTION_NAMES_H
#define PP_CONNECTION_NAMES_H

#include "connection/note.h"
#include "settings/settings.h"

#include <stdbool.h>
#include <sys/socket.h>

/*
 * The peer of an internet socket as the kernel names it; of others the family
 * alone. False with errno set where it names none.
 */
bool pp_kernel_peer(int fd, union pp_address *peer);

/*
 * May a socket's note count, as the kernel names its peer? That is one of
 * TRUSTED. NULL where it names none, perhaps because the connection was reset on
 * behalf of its client (reset.h). Then TRUSTED has no say: it is of an address
 * that the kernel named, and one outside may be why it was reset.
 */
bool pp_names_trust(const struct pp_settings *settings,
		    const union pp_address *kernel);

/*
 * Reads the note of a socket, if it counts, and whom the kernel names as its
 * peer, AF_UNSPEC for nobody. One system call where there is no note, and a
 * second where there is.
 */
bool pp_names_read_note(const struct pp_settings *settings, int fd,
			union pp_address *peer, struct pp_note *note);

/*
 * A client as it is shown on a socket of that family. False where the kernel's
 * name stays: of AF_UNSPEC, of IPv6 on an AF_INET socket with
 * IPV6_ON_IPV4=proxy, and where there is too little room for one of another
 * family: cut, it would be read as some IPv4 address. A NULL room is enough.
 * Then *shown stays.
 */
bool pp_names_show_client(const struct pp_settings *settings,
			  const union pp_address *client, int family,
			  const socklen_t *room, union pp_address *shown);

/*
 * Where a note says that its client connected to, alike. The kernel's stays also
 * where its client's does, and with DESTINATION=socket: both but for what the
 * kernel itself said before a reset.
 */
bool pp_names_show_destination(const struct pp_settings *settings,
			       const struct pp_note *note, int family,
			       const socklen_t *room,
			       union pp_address *shown);

#endif
