/* SPDX-License-Identifier: ISC */
/* Making a header from settings, and sending it; see send.h. */
#include <config.h>

#include "connection/send.h"

#include "connection/clock.h"
#include "connection/report.h"
#include "protocol/spp.h"
#include "protocol/tlv.h"

#include <arpa/inet.h>
#include <errno.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <stdint.h>
#include <string.h>
#include <time.h>

#define CRC_VECTOR 7

/* Byte 13 of version 2: its lower half is the transport. */
#define TRANSPORT_AT 13
#define TRANSPORT_DGRAM 2

size_t pp_outgoing_size(const struct pp_settings *settings)
{
	if (settings->raw.at != NULL)
		return settings->raw.length;
	return PP_FORMAT_MAX + settings->vectors.length + CRC_VECTOR;
}

/* The address so many places behind the first of the source's. */
static void pick_source(const struct pp_settings *settings, uint64_t place,
			union pp_address *source)
{
	uint64_t count = settings->source_count;
	uint8_t *end;

	*source = settings->source;
	if (count > 0)
		place %= count;
	if (source->sa.sa_family == AF_INET) {
		source->in.sin_addr.s_addr = htonl(
			ntohl(source->in.sin_addr.s_addr) + (uint32_t)place);
		return;
	}
	/* the bits that count are zero in the first */
	end = source->in6.sin6_addr.s6_addr + 15;
	for (int i = 0; i < 8; i++)
		end[-i] |= (uint8_t)(place >> 8 * i);
}

static void pick_destination(const struct pp_settings *settings,
			     const union pp_address *connected,
			     union pp_address *destination)
{
	in_port_t port = pp_address_port(connected);

	*destination = *connected;
	if (settings->destination.sa.sa_family != AF_UNSPEC)
		*destination = settings->destination;
	if (settings->destination_port >= 0)
		port = htons((in_port_t)settings->destination_port);
	pp_address_set_port(destination, port);
}

/*
 * Appends the vectors as they are, a checksum among them too: it may be wrong
 * on purpose. False where there is no room.
 */
static bool append_vectors(struct pp_draft *draft, const struct pp_bytes *vectors)
{
	if (vectors->length > draft->room - draft->length)
		return false;
	if (vectors->length > 0)
		memcpy(draft->bytes + draft->length, vectors->at,
		       vectors->length);
	draft->length += vectors->length;
	/* what it is to renew begins behind them */
	draft->tlvs = draft->length;
	pp_draft_renew(draft);
	return true;
}

size_t pp_outgoing_format(const struct pp_settings *settings, uint64_t place,
			  const union pp_address *connected, uint8_t *bytes,
			  size_t size, struct pp_stated *stated)
{
	const struct pp_tlv crc32c = { PP_TLV_CRC32C, 4, NULL };
	struct pp_draft draft = { .bytes = bytes, .room = size };

	memset(stated, 0, sizeof(*stated));
	if (settings->raw.at != NULL) {
		if (settings->raw.length > size)
			return 0;
		memcpy(bytes, settings->raw.at, settings->raw.length);
		return settings->raw.length;
	}
	if (settings->command == PP_COMMAND_PROXY) {
		pick_source(settings, place, &stated->source);
		pick_destination(settings, connected, &stated->destination);
		draft.length = pp_header_format(settings->send_version,
						&stated->source,
						&stated->destination, bytes,
						size);
	} else {
		draft.length = pp_header_format_unspec(settings->send_version,
						       PP_COMMAND_LOCAL, bytes,
						       size);
	}
	if (draft.length == 0 || settings->send_version == 1)
		return draft.length;
	if (!append_vectors(&draft, &settings->vectors) ||
	    (settings->crc32c && !pp_draft_append(&draft, 0, &crc32c)))
		return 0;
	return draft.length;
}

/*
 * Makes a version 2 header one of a datagram. A checksum that the settings have
 * put at its end is renewed; another was stated, and may be wrong on purpose.
 */
static void turn_into_datagram(uint8_t *bytes, size_t length, bool checksum)
{
	struct pp_draft draft = { .bytes = bytes, .room = length,
				  .length = length,
				  .tlvs = length - CRC_VECTOR };

	bytes[TRANSPORT_AT] = (uint8_t)((bytes[TRANSPORT_AT] & 0xf0) |
					TRANSPORT_DGRAM);
	if (checksum)
		pp_draft_renew(&draft);
}

static size_t format_spp(const struct pp_settings *settings, uint64_t place,
			 const union pp_address *connected, uint8_t *bytes,
			 size_t size, struct pp_stated *stated)
{
	memset(stated, 0, sizeof(*stated));
	if (size < PP_SPP_LENGTH)
		return 0;
	pick_source(settings, place, &stated->source);
	pick_destination(settings, connected, &stated->destination);
	pp_spp_format(&stated->source, &stated->destination, bytes);
	return PP_SPP_LENGTH;
}

size_t pp_outgoing_format_datagram(const struct pp_settings *settings,
				   uint64_t place,
				   const union pp_address *connected,
				   uint8_t *bytes, size_t size,
				   struct pp_stated *stated)
{
	size_t length;

	if (settings->spp && settings->raw.at == NULL)
		return format_spp(settings, place, connected, bytes, size,
				  stated);
	length = pp_outgoing_format(settings, place, connected, bytes, size,
				    stated);
	if (length > 0 && settings->raw.at == NULL &&
	    settings->command == PP_COMMAND_PROXY)
		turn_into_datagram(bytes, length, settings->crc32c);
	return length;
}

/* The bytes that the next write has. */
static size_t piece_of(const struct pp_send_way *way, size_t left)
{
	return way->split > 0 && way->split < left ? way->split : left;
}

ssize_t pp_send_begin(int fd, const struct pp_send_way *way,
		      const void *bytes, size_t size,
		      const struct sockaddr *address, socklen_t length)
{
	ssize_t taken = way->sendto(fd, bytes, piece_of(way, size),
				    MSG_FASTOPEN | MSG_DONTWAIT | MSG_NOSIGNAL,
				    address, length);

	if (taken < 0)
		return errno == EINPROGRESS ? 0 : -errno;
	return taken;
}

/* Waits for room to write. poll takes no error from the socket. */
static int wait_writable(int fd, const struct pp_send_way *way)
{
	struct pollfd writable = { .fd = fd, .events = POLLOUT };

	while (way->poll(&writable, 1, -1) < 0)
		if (errno != EINTR)
			return -errno;
	if (writable.revents & POLLNVAL)
		return -EBADF;
	return writable.revents & (POLLERR | POLLHUP) ? -ENOTCONN : 0;
}

/* Waits for so long, whatever signal comes. */
static void wait_delay(const struct pp_send_way *way)
{
	struct timespec left = {
		.tv_sec = way->delay / 1000,
		.tv_nsec = way->delay % 1000 * 1000000L,
	};

	while (nanosleep(&left, &left) != 0 && errno == EINTR)
		;
}

/* Sends a piece; *taken counts what has gone, also before an error. */
static int send_piece(int fd, const struct pp_send_way *way,
		      const uint8_t *bytes, size_t end, size_t *taken)
{
	int error = 0;

	while (error == 0 && *taken < end) {
		ssize_t sent = way->sendto(fd, bytes + *taken, end - *taken,
					   MSG_DONTWAIT | MSG_NOSIGNAL, NULL,
					   0);

		if (sent >= 0)
			*taken += (size_t)sent;
		else if (errno == EAGAIN || errno == EWOULDBLOCK)
			error = wait_writable(fd, way);
		else if (errno != EINTR)
			error = -errno;
	}
	return error;
}

static int send_pieces(int fd, const struct pp_send_way *way,
		       const uint8_t *bytes, size_t size, size_t taken)
{
	int error = wait_writable(fd, way);

	while (error == 0 && taken < size) {
		if (taken > 0 && way->delay > 0)
			wait_delay(way);
		error = send_piece(fd, way, bytes,
				   taken + piece_of(way, size - taken),
				   &taken);
	}
	if (error != 0 && error != -ENOTCONN && taken > 0)
		shutdown(fd, SHUT_RDWR);
	return error;
}

/* Sets an option of TCP; what it was before. */
static int set_option(int fd, int option, int value)
{
	int before = 0;
	socklen_t length = sizeof(before);

	getsockopt(fd, IPPROTO_TCP, option, &before, &length);
	setsockopt(fd, IPPROTO_TCP, option, &value, sizeof(value));
	return before;
}

int pp_send_rest(int fd, const struct pp_send_way *way, const void *bytes,
		 size_t size, size_t taken)
{
	int nodelay, cork, error;

	if (way->split == 0)
		return send_pieces(fd, way, bytes, size, taken);
	nodelay = set_option(fd, TCP_NODELAY, 1);
	cork = set_option(fd, TCP_CORK, 0);
	error = send_pieces(fd, way, bytes, size, taken);
	set_option(fd, TCP_CORK, cork);
	set_option(fd, TCP_NODELAY, nodelay);
	return error;
}

bool pp_outgoing_is_to_nobody(const union pp_address *to)
{
	union pp_address plain = *to;

	pp_address_unmap(&plain);
	if (plain.sa.sa_family == AF_INET)
		return plain.in.sin_addr.s_addr == htonl(INADDR_ANY);
	return IN6_IS_ADDR_UNSPECIFIED(&plain.in6.sin6_addr);
}

void pp_outgoing_find_destination(union pp_address *to,
				  const union pp_address *own)
{
	struct sockaddr_in in = { .sin_family = AF_INET };
	union pp_address bound = *own;

	pp_address_unmap(to);
	if (!pp_outgoing_is_to_nobody(to))
		return;
	pp_address_unmap(&bound);
	if (to->sa.sa_family == AF_INET6 && bound.sa.sa_family != AF_INET) {
		to->in6.sin6_addr = in6addr_loopback;
		return;
	}
	in.sin_port = pp_address_port(to);
	in.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
	if (to->sa.sa_family == AF_INET && bound.sa.sa_family == AF_INET &&
	    !pp_outgoing_is_to_nobody(&bound))
		in.sin_addr = bound.in.sin_addr;
	to->in = in;
}

void pp_report_sent(const char *who, const struct pp_settings *settings,
		    const char *by, int fd, size_t length,
		    const struct pp_stated *stated, int error)
{
	char from[PP_ADDRESS_TEXT], to[PP_ADDRESS_TEXT];
	const char *what = "raw";

	if (settings->raw.at == NULL)
		what = settings->spp		     ? "spp"
		       : settings->send_version == 1 ? "v1"
						     : "v2";
	pp_report(who,
		  "%s: fd %d: %s header of %zu bytes: client %s, "
		  "destination %s: %s",
		  by, fd, what, length,
		  pp_address_text(&stated->source, from, sizeof(from)),
		  pp_address_text(&stated->destination, to, sizeof(to)),
		  error == 0 ? "sent" : strerror(-error));
}
