/* SPDX-License-Identifier: ISC */
/* getpeername and getsockname: by the note on the socket. */
#ifndef PP_SUPERVISOR_NAMES_H
#define PP_SUPERVISOR_NAMES_H

#include "settings/settings.h"
#include "supervisor/filter.h"

/*
 * Is a client shown as the proxy on a socket of that family? With
 * IPV6_ON_IPV4=proxy one of IPv6 is on AF_INET, and so is its destination.
 */
bool pp_is_proxy_shown(const struct pp_settings *settings,
		       const union pp_address *client, int family);

/* Answers the call; the kernel does where there is no note that counts. */
void pp_get_name(const struct pp_call *call);

#endif
