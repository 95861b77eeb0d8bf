/* SPDX-License-Identifier: ISC */
/* Sending a header; see send.h. */
#include <config.h>

#include "connection/send.h"

#include <errno.h>
#include <netinet/in.h>
#ifdef HAVE_STRUCT_TCP_INFO_TCPI_BYTES_SENT
#include <netinet/tcp.h>
#else
#include <linux/tcp.h>	/* glibc's own lags behind the kernel's */
#endif
#include <stdint.h>
#include <string.h>
#include <sys/socket.h>

/* Returns 0, or -ESTALE where there is nobody to send to any more. */
static int wait_for(int fd, const struct pp_send_way *way, int milliseconds)
{
	return way->wait(fd, milliseconds, way->context) ? 0 : -ESTALE;
}

/* The bytes that the next write has. */
static size_t piece_of(const struct pp_send_way *way, size_t left)
{
	return way->split > 0 && way->split < left ? way->split : left;
}

/* Sends a piece; the bytes that are out, fewer than size after an error. */
static size_t send_piece(int fd, const struct pp_send_way *way,
			 const uint8_t *bytes, size_t size, int *error)
{
	size_t out = 0;

	while (*error == 0 && out < size) {
		ssize_t sent = way->send(fd, bytes + out, size - out,
					 MSG_NOSIGNAL | MSG_DONTWAIT);

		if (sent >= 0) {
			out += (size_t)sent;
		} else if (errno == EAGAIN || errno == EWOULDBLOCK) {
			*error = wait_for(fd, way, -1);
		} else if (errno != EINTR) {
			*error = -errno;
		}
	}
	return out;
}

static int send_pieces(int fd, const struct pp_send_way *way,
		       const uint8_t *bytes, size_t size)
{
	size_t out = 0;
	int error = 0;

	while (error == 0 && out < size) {
		if (out > 0 && way->delay > 0)
			error = wait_for(fd, way, way->delay);
		out += send_piece(fd, way, bytes + out,
				  piece_of(way, size - out), &error);
	}
	if (out > 0 && out < size && error != -ESTALE)
		way->shutdown(fd, SHUT_RDWR);
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

int pp_send_whole(int fd, const struct pp_send_way *way, const void *bytes,
		  size_t size)
{
	int nodelay, cork, error;

	if (piece_of(way, size) == size)
		return send_pieces(fd, way, bytes, size);
	nodelay = set_option(fd, TCP_NODELAY, 1);
	cork = set_option(fd, TCP_CORK, 0);
	error = send_pieces(fd, way, bytes, size);
	if (error == -ESTALE)
		return error;
	set_option(fd, TCP_CORK, cork);
	set_option(fd, TCP_NODELAY, nodelay);
	return error;
}

bool pp_send_is_first(int fd)
{
	struct tcp_info info;
	socklen_t length = sizeof(info);

	memset(&info, 0, sizeof(info));
	if (getsockopt(fd, IPPROTO_TCP, TCP_INFO, &info, &length) != 0)
		return true;
	return info.tcpi_bytes_sent == 0 && info.tcpi_notsent_bytes == 0;
}
