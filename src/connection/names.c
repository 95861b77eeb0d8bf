/* SPDX-License-Identifier: ISC */
/* TRUSTED, DESTINATION, IPV6_ON_IPV4 and a note; see names.h. */
#include <config.h>

#include "connection/names.h"

#include "connection/calls.h"

#include <errno.h>

bool pp_kernel_peer(int fd, union pp_address *peer)
{
	socklen_t length = sizeof(*peer);

	peer->sa.sa_family = AF_UNSPEC;
	return pp_calls.getpeername(fd, &peer->sa, &length) == 0;
}

bool pp_names_trust(const struct pp_settings *settings,
		    const union pp_address *kernel)
{
	return kernel == NULL ||
	       (pp_family_is_internet(kernel->sa.sa_family) &&
		pp_networks_have(&settings->trusted, kernel));
}

bool pp_names_read_note(const struct pp_settings *settings, int fd,
			union pp_address *peer, struct pp_note *note)
{
	const union pp_address *kernel = peer;
	struct pp_note_bytes bytes;

	if (!pp_note_fetch(fd, &bytes))
		return false;
	if (!pp_kernel_peer(fd, peer)) {
		if (errno != ENOTCONN)
			return false;
		kernel = NULL;
	}
	return pp_names_trust(settings, kernel) &&
	       pp_note_parse(&bytes, kernel, note);
}

bool pp_names_show_client(const struct pp_settings *settings,
			  const union pp_address *client, int family,
			  const socklen_t *room, union pp_address *shown)
{
	union pp_address address;

	if (!pp_family_is_internet(client->sa.sa_family))
		return false;
	pp_address_on_socket(&address, client, family);
	if (address.sa.sa_family != family &&
	    ((family == AF_INET && settings->ipv4_alone) ||
	     (room != NULL && *room < pp_address_length(&address))))
		return false;
	*shown = address;
	return true;
}

bool pp_names_show_destination(const struct pp_settings *settings,
			       const struct pp_note *note, int family,
			       const socklen_t *room,
			       union pp_address *shown)
{
	if (settings->own_destination && note->kind != PP_NOTE_RESET)
		return false;
	return pp_names_show_client(settings, &note->source, family, NULL,
				    shown) &&
	       pp_names_show_client(settings, &note->destination, family, room,
				    shown);
}
