/* SPDX-License-Identifier: ISC */
/* TRUSTED, PORTS, MUST_USE and the first bytes; see admission.h. */
#include <config.h>

#include "connection/admission.h"

#include "connection/calls.h"

#include <errno.h>
#include <netinet/in.h>
#include <netinet/tcp.h>

/* The local port of a connection; 0 where the kernel does not tell. */
static uint16_t local_port(int fd)
{
	union pp_address local;
	socklen_t length = sizeof(local);

	local.sa.sa_family = AF_UNSPEC;
	if (pp_calls.getsockname(fd, &local.sa, &length) != 0 ||
	    !pp_family_is_internet(local.sa.sa_family))
		return 0;
	return ntohs(pp_address_port(&local));
}

bool pp_admission_has_port(const struct pp_settings *settings, int fd)
{
	return settings->ports.at == NULL ||
	       pp_ports_have(&settings->ports, local_port(fd));
}

/* One without a header that counts. */
static struct pp_decision judge_bare(const struct pp_settings *settings,
				     const char *reason)
{
	return (struct pp_decision){
		settings->must_use ? PP_ADMIT_REFUSED : PP_ADMIT_BARE, reason
	};
}

struct pp_decision
pp_admission_judge_received(const struct pp_settings *settings,
			    const struct pp_receive *receive,
			    enum pp_received received)
{
	switch (received) {
	case PP_RECEIVED_HEADER:
		return (struct pp_decision){ PP_ADMIT_HEADER, NULL };
	case PP_RECEIVED_MALFORMED:
		return (struct pp_decision){ PP_ADMIT_REFUSED,
					     receive->header.reason };
	case PP_RECEIVED_MORE:
		return (struct pp_decision){ PP_ADMIT_WAIT,
					     "header not whole" };
	default:
		return judge_bare(settings, receive->is_overdue
						    ? "its time was up"
						    : "no header");
	}
}

struct pp_decision pp_admission_judge(const struct pp_settings *settings,
				      const union pp_address *peer, int fd,
				      struct pp_receive *receive,
				      uint8_t *peeked)
{
	/* who may connect to a Unix socket, its file's permissions say */
	bool is_unix = peer->sa.sa_family == AF_UNIX;
	bool trusted = is_unix || pp_networks_have(&settings->trusted, peer);

	pp_receive_start(receive, fd, settings->versions);
	/* who is not trusted is handed over alike on any port */
	if ((trusted || settings->must_use) && !is_unix &&
	    !pp_admission_has_port(settings, fd))
		return (struct pp_decision){ PP_ADMIT_OTHER_PORT, NULL };
	if (!trusted)
		return judge_bare(settings, "not trusted");
	return pp_admission_judge_received(
		settings, receive, pp_receive_try(receive, false, peeked));
}

void pp_admission_defer_accept(const struct pp_settings *settings, int fd)
{
	int error = errno, seconds = 0;
	socklen_t length = sizeof(seconds);

	if (!settings->syn_cookies || !pp_admission_is_deferred(settings))
		return;
	if (getsockopt(fd, IPPROTO_TCP, TCP_DEFER_ACCEPT, &seconds,
		       &length) == 0 &&
	    seconds == 0) {
		seconds = 1;
		setsockopt(fd, IPPROTO_TCP, TCP_DEFER_ACCEPT, &seconds,
			   sizeof(seconds));
	}
	errno = error;
}
