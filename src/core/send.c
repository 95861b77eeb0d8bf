/* SPDX-License-Identifier: ISC */
/* Sending a header; see send.h. */
#include <config.h>

#include "send.h"

#include <errno.h>
#include <netinet/in.h>
#ifdef HAVE_STRUCT_TCP_INFO_TCPI_BYTES_SENT
#include <netinet/tcp.h>
#else
#include <linux/tcp.h>	/* glibc's own lags behind the kernel's */
#endif
#include <poll.h>
#include <stdint.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/types.h>

static void wait_writable(int fd)
{
	struct pollfd poll_fd = { .fd = fd, .events = POLLOUT };

	poll(&poll_fd, 1, -1);
}

int pp_send_whole(int fd, const void *bytes, size_t size)
{
	const uint8_t *at = bytes;
	size_t left = size;

	while (left > 0) {
		ssize_t sent = send(fd, at, left, MSG_NOSIGNAL | MSG_DONTWAIT);

		if (sent >= 0) {
			at += sent;
			left -= (size_t)sent;
		} else if (errno == EAGAIN || errno == EWOULDBLOCK) {
			wait_writable(fd);
		} else if (errno != EINTR) {
			int error = -errno;

			if (left < size)
				shutdown(fd, SHUT_RDWR);
			return error;
		}
	}
	return 0;
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
