/* SPDX-License-Identifier: ISC */
/* Writing a header, for senders (sections 2, 2.1 and 2.2). */
#include <config.h>

#include "protocol/header.h"

#include <arpa/inet.h>
#include <string.h>

static void *put(void *at, const void *bytes, size_t size)
{
	memcpy(at, bytes, size);
	return (uint8_t *)at + size;
}

/* printf(3) is not signal-safe. */
static char *put_text(char *at, const char *text)
{
	return put(at, text, strlen(text));
}

static char *put_number(char *at, unsigned number, unsigned base)
{
	char digits[8 * sizeof(number)];
	size_t count = 0;

	do
		digits[count++] = "0123456789abcdef"[number % base];
	while ((number /= base) > 0);
	while (count > 0)
		*at++ = digits[--count];
	return at;
}

/*
 * IPv6 text in hexadecimal groups only. inet_ntop writes the end of some, as of
 * v4-mapped ones, with dots, which section 2.1 does not have.
 */
static char *put_ip(char *at, const union pp_address *address)
{
	const uint8_t *ip = pp_address_ip(address);
	char text[INET6_ADDRSTRLEN];

	inet_ntop(address->sa.sa_family, ip, text, sizeof(text));
	if (address->sa.sa_family == AF_INET || strchr(text, '.') == NULL)
		return put_text(at, text);
	strrchr(text, ':')[1] = '\0';
	at = put_text(at, text);
	at = put_number(at, (unsigned)(ip[12] << 8 | ip[13]), 16);
	at = put_text(at, ":");
	return put_number(at, (unsigned)(ip[14] << 8 | ip[15]), 16);
}

static size_t format_v1(const union pp_address *source,
			const union pp_address *destination, uint8_t *bytes,
			size_t size)
{
	char line[PP_FORMAT_MAX], *at = line;
	size_t length;

	at = put_text(at, source->sa.sa_family == AF_INET ? "PROXY TCP4 "
							   : "PROXY TCP6 ");
	at = put_ip(at, source);
	at = put_text(at, " ");
	at = put_ip(at, destination);
	at = put_text(at, " ");
	at = put_number(at, ntohs(pp_address_port(source)), 10);
	at = put_text(at, " ");
	at = put_number(at, ntohs(pp_address_port(destination)), 10);
	at = put_text(at, "\r\n");
	length = (size_t)(at - line);
	if (length > size)
		return 0;
	memcpy(bytes, line, length);
	return length;
}

/* The fixed part of version 2; block is how long the rest is. */
static uint8_t *put_fixed(uint8_t *at, enum pp_command command,
			  uint8_t protocol, uint8_t block)
{
	const uint8_t fixed[PP_V2_FIXED] = {
		'\r', '\n', '\r', '\n', '\0', '\r', '\n', 'Q', 'U', 'I', 'T',
		'\n', (uint8_t)(0x20 | command), protocol, 0, block,
	};

	return put(at, fixed, sizeof(fixed));
}

static size_t format_v2(const union pp_address *source,
			const union pp_address *destination, uint8_t *bytes,
			size_t size)
{
	bool inet = source->sa.sa_family == AF_INET;
	size_t ip = inet ? 4 : 16, block = 2 * ip + 4;
	in_port_t ports[] = { pp_address_port(source),
			      pp_address_port(destination) };

	if (size < PP_V2_FIXED + block)
		return 0;
	bytes = put_fixed(bytes, PP_COMMAND_PROXY, inet ? 0x11 : 0x21,
			  (uint8_t)block);
	bytes = put(bytes, pp_address_ip(source), ip);
	bytes = put(bytes, pp_address_ip(destination), ip);
	put(bytes, ports, sizeof(ports));
	return PP_V2_FIXED + block;
}

size_t pp_header_format_unspec(unsigned version, enum pp_command command,
			       uint8_t *bytes, size_t size)
{
	if (version == 1 && size >= PP_V1_UNKNOWN) {
		memcpy(bytes, "PROXY UNKNOWN\r\n", PP_V1_UNKNOWN);
		return PP_V1_UNKNOWN;
	}
	if (version == 2 && size >= PP_V2_FIXED) {
		put_fixed(bytes, command, 0, 0);
		return PP_V2_FIXED;
	}
	return 0;
}

size_t pp_header_format(unsigned version, const union pp_address *source,
			const union pp_address *destination, uint8_t *bytes,
			size_t size)
{
	union pp_address from = *source, to = *destination;

	if (!pp_family_is_internet(from.sa.sa_family) ||
	    !pp_family_is_internet(to.sa.sa_family))
		return 0;
	if (from.sa.sa_family != to.sa.sa_family) {
		pp_address_unmap(&from);
		pp_address_unmap(&to);
	}
	if (from.sa.sa_family != to.sa.sa_family) {
		pp_address_map(&from);
		pp_address_map(&to);
	}
	if (version == 1)
		return format_v1(&from, &to, bytes, size);
	return version == 2 ? format_v2(&from, &to, bytes, size) : 0;
}
