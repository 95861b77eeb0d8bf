/* SPDX-License-Identifier: ISC */
/* Headers on Unix sockets, to which SO_RCVLOWAT means nothing. */
#include <config.h>

#include "connection/clock.h"
#include "connection/receive.h"

#include "suites.h"
#include "support.h"

#include <sys/socket.h>
#include <unistd.h>

SUITE("receive_unix");

static unsigned looks;

static ssize_t count_looks(int fd, void *bytes, size_t size, int flags)
{
	looks++;
	return real_recv(fd, bytes, size, flags);
}

/* Half a header makes a Unix socket readable: no reason to look all the time. */
TEST(a_wait_that_the_kernel_does_not_know_of)
{
	struct pp_receive receive;
	int64_t deadline;
	bool last = false;
	int ends[2];

	ck_assert_int_eq(socketpair(AF_UNIX, SOCK_STREAM, 0, ends), 0);
	pp_receive_start(&receive, ends[0], PP_VERSION_BOTH);
	send(ends[1], "PROXY TCP4", 10, 0);
	looks = 0;
	fake_recv = count_looks;
	deadline = pp_now_ms() + 50;
	while (pp_receive_try(&receive, last, peeked) == PP_RECEIVED_MORE)
		pp_receive_wait(&receive, deadline, &last);
	fake_recv = NULL;
	ck_assert(pp_now_ms() >= deadline && last);
	ck_assert_uint_le(looks, 60);
	/* what comes later, or the end, is seen */
	pp_receive_start(&receive, ends[0], PP_VERSION_BOTH);
	for (int i = 0; i < 3; i++) {
		pp_receive_try(&receive, false, peeked);
		ck_assert(pp_receive_wait(&receive, INT64_MAX / 1000000, &last));
		ck_assert(!last);
	}
	send(ends[1], " 192.0.2.1 192.0.2.2 1 2\r\n", 26, 0);
	ck_assert_int_eq(pp_receive_try(&receive, false, peeked),
			 PP_RECEIVED_HEADER);
	close(ends[1]);
	ck_assert(!pp_receive_wait(&receive, pp_now_ms(), &last) && last);
	ck_assert(pp_receive_wait(&receive, INT64_MAX / 1000000, &last) && last);
	close(ends[0]);
}
