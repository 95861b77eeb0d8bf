/* SPDX-License-Identifier: ISC */
/*
 * A server whose listener has two numbers, and that closes one of them while a
 * client waits for its header.
 *
 *	duplicated WAY ACCEPTS CLOSES
 *
 * WAY is how it waits for the client that is left: poll, epoll or accept, which
 * blocks. ACCEPTS is the number, 0 or 1, by which that client was seen first,
 * or 2: then another was accepted by the second number as well. CLOSES is the
 * number that is closed. Says "ok" in the end, or what was not so.
 */
#define _GNU_SOURCE
#include "closing.h"

#include <arpa/inet.h>
#include <stdlib.h>

static int numbers[2];

/* Accepts until there is a connection that its client has not reset. */
static int accept_served(int fd)
{
	for (;;) {
		int served = accept(fd, NULL, NULL);
		char byte;

		EXPECT(served >= 0 || errno == EAGAIN);
		if (served < 0)
			continue;
		if (recv(served, &byte, 1, MSG_DONTWAIT) < 0 && errno == EAGAIN)
			return served;
		EXPECT(close(served) == 0);
	}
}

static void accept_whole(int fd)
{
	int whole = start_client(strlen(header));

	EXPECT(close(accept_served(fd)) == 0);
	EXPECT(close(whole) == 0);
}

/* From a process of its own, which has no copy of the listener. */
static pid_t send_rest_later(void)
{
	pid_t sender = fork();

	if (sender != 0)
		return sender;
	close(numbers[0]);
	close(numbers[1]);
	usleep(100000);
	end_waiting();
	_exit(0);
}

static void wait_readable(int epoll, int fd)
{
	struct pollfd fds = { .fd = fd, .events = POLLIN };
	struct epoll_event event;

	if (is(how, "poll"))
		EXPECT(poll(&fds, 1, -1) == 1);
	if (is(how, "epoll")) {
		EXPECT(epoll_wait(epoll, &event, 1, -1) == 1);
		EXPECT(event.data.u64 == UNUSED);
	}
}

int main(int count, char **words)
{
	struct epoll_event event = { .events = EPOLLIN, .data.u64 = UNUSED };
	struct sockaddr_in peer;
	socklen_t length = sizeof(peer);
	int accepts, closed, left, fd, epoll = epoll_create1(0);
	pid_t sender;

	if (count != 4)
		return 2;
	how = words[1];
	accepts = atoi(words[2]);
	closed = atoi(words[3]);
	limit_descriptors();
	listener = start_listener(is(how, "accept") ? 0 : SOCK_NONBLOCK);
	numbers[0] = listener;
	numbers[1] = dup(listener);
	left = numbers[!closed];
	if (is(how, "epoll"))
		EXPECT(epoll_ctl(epoll, EPOLL_CTL_ADD, left, &event) == 0);
	client = start_client(10);
	accept_whole(numbers[accepts % 2]);
	if (accepts == 2)
		accept_whole(numbers[1]);
	EXPECT(close(numbers[closed]) == 0);
	sender = send_rest_later();
	wait_readable(epoll, left);
	fd = accept_served(left);
	EXPECT(getpeername(fd, (struct sockaddr *)&peer, &length) == 0);
	EXPECT(peer.sin_addr.s_addr == inet_addr("192.0.2.1"));
	EXPECT(send(fd, "x", 1, 0) == 1);
	EXPECT(recv(client, &fd, 1, 0) == 1);
	wait_for_child(sender);
	EXPECT(write(STDERR_FILENO, "ok\n", 3) == 3);
	return 0;
}
