/* SPDX-License-Identifier: ISC */
/* Sending a header; see send.h. */
#include <config.h>

#include "connection/send.h"

#include "connection/clock.h"

#include <errno.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <stdint.h>
#include <time.h>

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
