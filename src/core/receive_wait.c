/* SPDX-License-Identifier: ISC */
/* PROVISIONAL waiting inside accept; see receive_wait.h. */
#include <config.h>

#include "receive_wait.h"

#include <errno.h>
#include <poll.h>
#include <sys/socket.h>
#include <time.h>

static int64_t now_ms(void)
{
	struct timespec now;

	clock_gettime(CLOCK_MONOTONIC, &now);
	return (int64_t)now.tv_sec * 1000 + now.tv_nsec / 1000000;
}

/*
 * Lets poll(2) sleep until so many bytes are there; with the half header that
 * already lies in the buffer it would return at once, again and again.
 */
static void set_low_water(int fd, int bytes)
{
	setsockopt(fd, SOL_SOCKET, SO_RCVLOWAT, &bytes, sizeof(bytes));
}

static int low_water(int fd)
{
	int bytes = 1;
	socklen_t length = sizeof(bytes);

	getsockopt(fd, SOL_SOCKET, SO_RCVLOWAT, &bytes, &length);
	return bytes;
}

/* Waits for what the last step asked for. False when no more will come. */
static bool wait_for_more(const struct pp_receive *receive, int64_t deadline,
			  bool *interrupted)
{
	struct pollfd poll_fd = { .fd = receive->fd,
				  .events = POLLIN | POLLRDHUP };

	set_low_water(receive->fd, (int)receive->header.length);
	for (;;) {
		int64_t left = deadline - now_ms();
		int ready = poll(&poll_fd, 1, left > 0 ? (int)left : 0);

		if (ready < 0 && errno == EINTR)
			*interrupted = true;
		else if (ready <= 0)
			return false;
		else
			break;
	}
	return !(poll_fd.revents & (POLLRDHUP | POLLHUP | POLLERR));
}

enum pp_received pp_receive_wait(struct pp_receive *receive, int timeout,
				 bool *interrupted)
{
	int64_t deadline = now_ms() + timeout;
	int before = low_water(receive->fd);
	enum pp_received received;
	bool more;

	do {
		more = wait_for_more(receive, deadline, interrupted);
		received = pp_receive_step(receive, !more);
	} while (received == PP_RECEIVED_MORE);
	set_low_water(receive->fd, before);
	return received;
}
