/* SPDX-License-Identifier: ISC */
/* proxyproto header: writes a header to standard output. */
#include <config.h>

#include "command/chosen.h"

#include "connection/send.h"

#include <arpa/inet.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* Where there is no connection, what "actual" is. */
#define ACTUAL_PORT 80

enum option {
	OPTION_UDP,
	OPTION_HEX,
};

static const struct pp_option header_options[] = {
	[OPTION_UDP] = { "udp", 0, NULL, "for a datagram instead of TCP" },
	[OPTION_HEX] = { "hex", 'x', NULL, "write hexadecimal digits" },
	{ .name = NULL },
};

/* Those that say how a header is sent. */
static const char *const without[] = { "DEBUG", "SPLIT", "DELAY", "TO", "UDP",
				     NULL };

/* The end that the client reached, where no option says which. */
static void make_destination(const struct pp_settings *settings,
			     union pp_address *destination)
{
	memset(destination, 0, sizeof(*destination));
	destination->sa.sa_family = settings->source.sa.sa_family;
	if (destination->sa.sa_family == AF_INET6)
		destination->in6.sin6_addr = in6addr_loopback;
	else
		destination->in.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
	pp_address_set_port(destination, htons(ACTUAL_PORT));
}

/* Whether the header can be a datagram's, or else what it takes. */
static bool check_datagram(const struct pp_chosen *chosen)
{
	const struct pp_settings *settings = &chosen->settings;
	const char *why = NULL;

	if (settings->raw.at != NULL)
		why = "a raw header is taken as it is";
	else if (settings->send_version == 1)
		why = "version 1 is of TCP alone";
	else if (settings->command == PP_COMMAND_LOCAL)
		why = "LOCAL states no transport";
	if (why == NULL)
		return true;
	pp_complain(chosen->subcommand, "--udp: %s: it takes version 2 and "
		    "the command PROXY", why);
	return false;
}

static void write_header(const uint8_t *bytes, size_t length, bool hex)
{
	if (!hex) {
		fwrite(bytes, 1, length, stdout);
		return;
	}
	for (size_t i = 0; i < length; i++)
		printf("%02x", bytes[i]);
	putchar('\n');
}

static int make_header(const struct pp_chosen *chosen, bool udp, bool hex)
{
	const struct pp_settings *settings = &chosen->settings;
	const size_t size = pp_outgoing_size(settings);
	union pp_address destination;
	struct pp_stated stated;
	uint8_t *bytes = malloc(size);
	size_t length;

	if (bytes == NULL)
		return pp_complain(chosen->subcommand, "no memory");
	make_destination(settings, &destination);
	length = udp || settings->spp
			 ? pp_outgoing_format_datagram(settings, 0,
						       &destination, bytes,
						       size, &stated)
			 : pp_outgoing_format(settings, 0, &destination, bytes,
					      size, &stated);
	if (length > 0)
		write_header(bytes, length, hex);
	free(bytes);
	if (length == 0)
		return pp_complain(chosen->subcommand, "--version=%u: there is "
				   "no such header: it takes 1, 2 or "
				   "spp",
				   settings->send_version);
	return 0;
}

static int run_header(int argc, char *argv[])
{
	static struct pp_chosen chosen;
	bool given_options[2] = { false, false };
	struct pp_given given;

	pp_chosen_begin(&chosen, &pp_header_command);
	while (pp_next_option(&pp_header_command, argc, argv, &given)) {
		if (given.option != NULL)
			given_options[given.option - header_options] = true;
		else if (!pp_chosen_take(&chosen, &given))
			return PP_EXIT_OWN;
	}
	if (!pp_no_arguments(&pp_header_command, argc, argv) ||
	    !pp_chosen_complete(&chosen) ||
	    (given_options[OPTION_UDP] && !check_datagram(&chosen)))
		return PP_EXIT_OWN;
	return make_header(&chosen, given_options[OPTION_UDP],
			   given_options[OPTION_HEX]);
}

const struct pp_subcommand pp_header_command = {
	.name = "header",
	.summary = "write a header",
	.usage = "[OPTION...]",
	.help = "Writes a header to standard output: what libproxyproto_connect "
		"would send with\nthese settings. \"actual\" is "
		"127.0.0.1 or ::1, and port 80.\n",
	.examples = "  (proxyproto header --addr=198.51.100.20 --port=40000; "
		    "cat) | nc 127.0.0.1 9090\n"
		    "  proxyproto header --tlv=alpn=h2 --crc32c | "
		    "proxyproto decode\n",
	.options = header_options,
	.settings = pp_client_settings,
	.settings_without = without,
	.function = run_header,
};
