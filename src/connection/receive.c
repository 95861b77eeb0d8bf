/* SPDX-License-Identifier: ISC */
/* Taking a header off a connection; see receive.h. */
#include <config.h>

#include "connection/receive.h"

#include "connection/calls.h"
#include "connection/clock.h"
#include "memory.h"

#include <assert.h>
#include <errno.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/types.h>

void pp_receive_start(struct pp_receive *receive, int fd,
		      enum pp_versions versions)
{
	memset(receive, 0, sizeof(*receive));
	receive->fd = fd;
	receive->versions = versions;
}

void pp_receive_free(struct pp_receive *receive)
{
	if (receive->taken != NULL)
		munmap(receive->taken, receive->taken_size);
	receive->taken = NULL;
}

void pp_receive_stop_linger(int fd)
{
	const struct linger off = { .l_onoff = 0 };

	setsockopt(fd, SOL_SOCKET, SO_LINGER, &off, sizeof(off));
}

int pp_receive_set_low_water(int fd, int bytes)
{
	int before = bytes;
	socklen_t length = sizeof(before);

	if (pp_calls.getsockopt(fd, SOL_SOCKET, SO_RCVLOWAT, &before,
				&length) == 0 &&
	    before != bytes)
		setsockopt(fd, SOL_SOCKET, SO_RCVLOWAT, &bytes, sizeof(bytes));
	return before;
}

int pp_receive_expect_rest(const struct pp_receive *receive)
{
	return pp_receive_set_low_water(receive->fd,
					(int)receive->header.length);
}

bool pp_receive_wait(struct pp_receive *receive, int64_t deadline, bool *last)
{
	struct pollfd here = { .fd = receive->fd,
			       .events = POLLIN | POLLRDHUP };
	int64_t end = deadline;
	int before, ready;
	struct timespec left;
	bool over;

	/* it is readable all the time: that says nothing any more */
	if (receive->seen > 0 && receive->seen == receive->waited_with) {
		here.events = POLLRDHUP;
		end = pp_now_ms() + 1 < deadline ? pp_now_ms() + 1 : deadline;
	}
	receive->waited_with = receive->seen;
	before = pp_receive_expect_rest(receive);
	do {
		pp_timeout_left(end * 1000000, &left);
		ready = pp_calls.ppoll(&here, 1, &left, NULL);
	} while (ready < 0 && errno == EINTR);
	if (before != (int)receive->header.length)
		pp_receive_set_low_water(receive->fd, before);
	over = ready < 0 || pp_now_ms() >= deadline;
	*last = over || (here.revents & ~POLLIN) != 0;
	return !over;
}

/* recv(2) that neither blocks nor stops for a signal. */
static ssize_t receive_now(int fd, void *bytes, size_t size, int flags)
{
	ssize_t got;

	do
		got = pp_calls.recv(fd, bytes, size, flags | MSG_DONTWAIT);
	while (got < 0 && errno == EINTR);
	return got;
}

static bool would_block(ssize_t got)
{
	return got < 0 && (errno == EAGAIN || errno == EWOULDBLOCK);
}

/*
 * Takes off what was peeked at: one call, as the bytes are there. MSG_TRUNC
 * lets TCP drop them without a copy; bytes has room for them all the same, as
 * what watches memory (valgrind) or is no TCP asks for it.
 */
static enum pp_received take_off(struct pp_receive *receive, uint8_t *bytes)
{
	size_t left = receive->header.length;

	assert(left > 0 && left <= PP_RECEIVE_PEEK);
	while (left > 0) {
		ssize_t got = receive_now(receive->fd,
					  bytes + receive->header.length - left,
					  left, MSG_TRUNC);

		if (got <= 0) {
			pp_header_malformed(&receive->header,
					    "went away while it was taken off");
			return PP_RECEIVED_MALFORMED;
		}
		left -= (size_t)got;
	}
	return PP_RECEIVED_HEADER;
}

/*
 * A long header is whole, or there is no more of it. Its first 16 bytes were
 * valid, so it is never handed to the application as data.
 */
static enum pp_received judge_taken(struct pp_receive *receive)
{
	enum pp_verdict verdict =
		pp_header_parse(receive->taken, receive->taken_length,
				receive->versions, &receive->header);

	if (verdict == PP_HEADER_COMPLETE)
		return PP_RECEIVED_HEADER;
	if (verdict != PP_HEADER_MALFORMED)
		pp_header_malformed(&receive->header, "ends early");
	return PP_RECEIVED_MALFORMED;
}

static enum pp_received take_long(struct pp_receive *receive, bool last)
{
	while (receive->taken_length < receive->taken_size) {
		ssize_t got = receive_now(
			receive->fd, receive->taken + receive->taken_length,
			receive->taken_size - receive->taken_length, 0);

		if (would_block(got) && !last) {
			receive->header.length =
				receive->taken_size - receive->taken_length;
			return PP_RECEIVED_MORE;
		}
		if (got <= 0)
			break;
		receive->taken_length += (size_t)got;
		assert(receive->taken_length <= receive->taken_size);
	}
	return judge_taken(receive);
}

/*
 * Sets memory for the header up. Mapped, not allocated: accept(2) may be
 * called by a signal handler and by an allocator's own threads.
 */
static bool make_memory(struct pp_receive *receive)
{
	receive->seen = 0;
	receive->taken_size = receive->header.length;
	receive->taken = pp_memory_map(receive->taken_size);
	return receive->taken != NULL;
}

const uint8_t *pp_receive_bytes(const struct pp_receive *receive,
				const uint8_t *peeked)
{
	return receive->taken != NULL ? receive->taken : peeked;
}

void pp_receive_keep(struct pp_receive *receive, const uint8_t *peeked)
{
	if (receive->keep && receive->taken == NULL &&
	    pp_header_has_more(&receive->header) && make_memory(receive))
		memcpy(receive->taken, peeked, receive->taken_size);
}

enum pp_received pp_receive_try(struct pp_receive *receive, bool last,
				uint8_t *bytes)
{
	ssize_t got;

	if (receive->taken != NULL)
		return take_long(receive, last);
	got = receive_now(receive->fd, bytes, PP_RECEIVE_PEEK, MSG_PEEK);
	receive->seen = got < 0 ? 0 : (size_t)got;
	/*
	 * An error of the connection's is told once: the program would not see
	 * it, and take its end for that of the data. Where the bytes cannot be
	 * looked at (a sandbox) there may be a header among them, and the peer
	 * is not the client.
	 */
	if (got < 0 && !would_block(got)) {
		pp_header_malformed(&receive->header,
				    errno == ECONNRESET ? "reset by the client"
							: "it cannot be read");
		return PP_RECEIVED_MALFORMED;
	}
	if (got == 0 || (got < 0 && last))
		return PP_RECEIVED_NONE;
	switch (pp_header_parse(bytes, got < 0 ? 0 : (size_t)got,
				receive->versions, &receive->header)) {
	case PP_HEADER_COMPLETE:
		return take_off(receive, bytes);
	case PP_HEADER_MALFORMED:
		return PP_RECEIVED_MALFORMED;
	case PP_HEADER_ABSENT:
		return PP_RECEIVED_NONE;
	default:
		break;
	}
	if (receive->header.length <= PP_RECEIVE_PEEK)
		return last ? PP_RECEIVED_NONE : PP_RECEIVED_MORE;
	if (make_memory(receive))
		return take_long(receive, last);
	pp_header_malformed(&receive->header, "no memory for it");
	return PP_RECEIVED_MALFORMED;
}
