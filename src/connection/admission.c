/* SPDX-License-Identifier: ISC */
/* TRUSTED and PORTS; see admission.h. */
#include <config.h>

#include "connection/admission.h"

#include "preload/real.h"

#include <netinet/in.h>
#include <netinet/tcp.h>

/* The local port of a connection; 0 where the kernel does not tell. */
static uint16_t local_port(int fd)
{
	union pp_address local;
	socklen_t length = sizeof(local);

	local.sa.sa_family = AF_UNSPEC;
	if (real_getsockname(fd, &local.sa, &length) != 0)
		return 0;
	/* both families have the port in the same place */
	return pp_family_is_internet(local.sa.sa_family)
		       ? ntohs(local.in.sin_port)
		       : 0;
}

bool pp_policy_has_port(const struct pp_settings *settings, int fd)
{
	return settings->ports.bits == NULL ||
	       pp_ports_have(&settings->ports, local_port(fd));
}

enum pp_policy pp_policy(const struct pp_settings *settings, int fd,
			 const union pp_address *peer)
{
	bool trusted = pp_networks_have(&settings->trusted, peer);

	/* on any port it would be handed over as it is */
	if (!trusted && !settings->must_use)
		return PP_POLICY_UNTRUSTED;
	if (!pp_policy_has_port(settings, fd))
		return PP_POLICY_OTHER_PORT;
	return trusted ? PP_POLICY_LOOK : PP_POLICY_UNTRUSTED;
}

void pp_policy_defer_accept(const struct pp_settings *settings, int fd)
{
	int seconds = 0;
	socklen_t length = sizeof(seconds);

	if (!settings->must_use && settings->trusted.ranges != NULL)
		return;
	if (getsockopt(fd, IPPROTO_TCP, TCP_DEFER_ACCEPT, &seconds,
		       &length) != 0 ||
	    seconds != 0)
		return;
	seconds = 1;
	setsockopt(fd, IPPROTO_TCP, TCP_DEFER_ACCEPT, &seconds,
		   sizeof(seconds));
}
