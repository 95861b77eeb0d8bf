/* SPDX-License-Identifier: ISC */
/* The slips in what a program listens to; see check.h. */
#include <config.h>

#include "command/check.h"

#include <stdio.h>
#include <string.h>

/* How many sockets there are, and how many of them PORTS has. */
struct count {
	int all, covered;
};

static struct count count_listeners(const struct pp_check *check, bool is_udp)
{
	struct count count = { 0, 0 };

	for (int i = 0; i < check->listener_count; i++)
		if (check->listeners[i].is_udp == is_udp) {
			count.all++;
			count.covered += check->listeners[i].is_covered;
		}
	return count;
}

bool pp_check_has_datagrams(const struct pp_check *check)
{
	return check->datagrams || pp_check_has_library(check, PP_LIBRARY_UDP);
}

/* Does PORTS, or the want of a library, leave a socket out? */
typedef bool leaves_out(const struct pp_check *check,
			const struct pp_listener *listener);

/* Those that are left out, as text. */
static void list_listeners(const struct pp_check *check, leaves_out *is_left,
			   char *text, size_t size)
{
	size_t length = 0;

	text[0] = '\0';
	for (int i = 0; i < check->listener_count && length < size; i++) {
		const struct pp_listener *listener = &check->listeners[i];
		char address[PP_ADDRESS_TEXT];

		if (!is_left(check, listener))
			continue;
		pp_address_text(&listener->address, address, sizeof(address));
		snprintf(text + length, size - length, "%s%s%s",
			 length == 0 ? "" : ", ", address,
			 listener->is_udp ? " (UDP)" : "");
		length = strlen(text);
	}
}

/* A UDP socket may be there to ask others: one that is covered will do. */
static bool is_not_covered(const struct pp_check *check,
			   const struct pp_listener *listener)
{
	if (listener->is_udp && (!pp_check_has_datagrams(check) ||
				 count_listeners(check, true).covered > 0))
		return false;
	return !listener->is_covered;
}

static void check_covered(struct pp_check *check)
{
	const struct count tcp = count_listeners(check, false);
	const struct count udp = pp_check_has_datagrams(check)
					 ? count_listeners(check, true)
					 : (struct count){ 0, 0 };
	char text[300];

	list_listeners(check, is_not_covered, text, sizeof(text));
	if (text[0] == '\0')
		return;
	pp_check_slip(check, tcp.covered + udp.covered == 0,
		      "ports-not-covered",
		      "Add the ports to LIBPROXYPROTO_PORTS where proxies "
		      "connect to them.",
		      "listens on what PORTS leaves out: %s", text);
}

/* Where it does nothing else, or the same port is one of TCP, as of DNS. */
static bool is_server_of_datagrams(const struct pp_check *check,
				   const struct pp_listener *listener)
{
	const in_port_t port = pp_address_port(&listener->address);

	if (!listener->is_udp)
		return false;
	if (count_listeners(check, false).all == 0)
		return true;
	for (int i = 0; i < check->listener_count; i++)
		if (!check->listeners[i].is_udp &&
		    pp_address_port(&check->listeners[i].address) == port)
			return true;
	return false;
}

static bool is_listener(const struct pp_check *check,
			const struct pp_listener *listener)
{
	(void)check;
	return !listener->is_udp;
}

/* What another library than those that are loaded would serve. */
static void check_kinds(struct pp_check *check)
{
	const bool has_datagrams = pp_check_has_datagrams(check);
	char text[300];

	list_listeners(check, is_server_of_datagrams, text, sizeof(text));
	if (!has_datagrams && text[0] != '\0')
		pp_check_slip(check, false, "datagrams-not-served",
			      "If proxies send datagrams with headers, start it "
			      "by proxyproto run --udp.",
			      "its datagrams are left alone: %s", text);
	list_listeners(check, is_listener, text, sizeof(text));
	if (text[0] == '\0' || check->supervisor != 0)
		return;
	if (!pp_check_has_library(check, PP_LIBRARY_SERVER))
		pp_check_slip(check, false, "connections-not-served",
			      "If proxies connect to it, preload "
			      "libproxyproto.so as well.",
			      "libproxyproto_udp.so alone is loaded: "
			      "connections are left alone: %s", text);
	else if (check->settings.spp)
		pp_check_slip(check, false, "connections-not-served",
			      "If proxies connect to it, have "
			      "LIBPROXYPROTO_VERSION be 1, 2 or 3.",
			      "VERSION=spp is for datagrams: connections are "
			      "left alone: %s", text);
}

/* Of version 1 there are none. */
static void check_datagrams(struct pp_check *check)
{
	const struct pp_settings *settings = &check->settings;

	if (pp_check_has_datagrams(check) &&
	    settings->versions == PP_VERSION_1)
		pp_check_slip(check, false, "datagrams-not-served",
			      "Have LIBPROXYPROTO_VERSION be 2, 3 or spp.",
			      "VERSION=1 is for connections: datagrams are "
			      "left alone");
}

void pp_check_ports(struct pp_check *check)
{
	check_covered(check);
	if (!check->is_served)
		return;
	check_kinds(check);
	check_datagrams(check);
}
