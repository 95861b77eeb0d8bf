/* SPDX-License-Identifier: ISC */
/*
 * A server that forks, or has several threads, while clients wait for their
 * headers.
 *
 *	beside CASE
 *
 * Says "ok" in the end, or what was not as it is to be.
 */
#define _GNU_SOURCE
#include "closing.h"

#include <signal.h>
#include <sys/stat.h>

#define CLIENTS 100
#define FORKS 400
#define CHURNERS 2

static void *accept_for_ever(void *unused)
{
	(void)unused;
	for (;;) {
		int fd = accept4(listener, NULL, NULL, SOCK_CLOEXEC);

		if (fd >= 0)
			close(fd);
	}
	return NULL;
}

/* A client whose header comes in two pieces, again and again. */
static void churn(void)
{
	const struct linger reset = { .l_onoff = 1 };
	char byte;

	for (;;) {
		int fd = socket(AF_INET, SOCK_STREAM, 0);

		if (connect(fd, (struct sockaddr *)&address,
			    sizeof(address)) == 0 &&
		    send(fd, header, 20, MSG_NOSIGNAL) == 20) {
			usleep(100);
			if (send(fd, header + 20, strlen(header) - 20,
				 MSG_NOSIGNAL) > 0 &&
			    recv(fd, &byte, 1, 0) < 0)
				usleep(100);
		}
		setsockopt(fd, SOL_SOCKET, SO_LINGER, &reset, sizeof(reset));
		close(fd);
	}
}

static int count_sockets(void)
{
	struct stat status;
	int count = 0;

	for (int fd = 0; fd < LIMIT; fd++)
		count += fstat(fd, &status) == 0 && S_ISSOCK(status.st_mode);
	return count;
}

/* Threads accept, others fork: no child has those that wait. */
static void case_lock(void)
{
	pid_t churners[CHURNERS], clients = fork();

	if (clients == 0) {
		for (int i = 0; i < CLIENTS; i++) {
			int fd = socket(AF_INET, SOCK_STREAM, 0);

			EXPECT(connect(fd, (struct sockaddr *)&address,
				       sizeof(address)) == 0);
			EXPECT(send(fd, header, 10, 0) == 10);
		}
		for (;;)
			pause();
	}
	for (int i = 0; i < 3; i++)
		start_thread(accept_for_ever);
	while (count_sockets() < CLIENTS)
		usleep(1000);
	for (int i = 0; i < CHURNERS; i++) {
		churners[i] = fork();
		if (churners[i] == 0)
			churn();
	}
	for (int i = 0; i < FORKS; i++) {
		pid_t child = fork();

		if (child == 0)
			_exit(count_sockets() < CLIENTS / 2 ? 0 : 1);
		wait_for_child(child);
	}
	EXPECT(count_sockets() >= CLIENTS);
	kill(clients, SIGKILL);
	for (int i = 0; i < CHURNERS; i++)
		kill(churners[i], SIGKILL);
}

/* A worker whose epoll its parent made, which does not accept any more. */
static void work(int epoll)
{
	struct epoll_event event;
	int wakes = 0;

	for (int i = 0; i < 10; i++)
		while (epoll_wait(epoll, &event, 1, 500) == 1 && ++wakes < 1000)
			accept_nobody();
	EXPECT(wakes < 1000);
	/* it is woken for its own clients */
	start_client(strlen(header));
	EXPECT(epoll_wait(epoll, &event, 1, -1) == 1);
	EXPECT(event.data.u64 == UNUSED);
	accept_and_close();
	_exit(0);
}

static int start_epoll(void)
{
	struct epoll_event event = { .events = EPOLLIN, .data.u64 = UNUSED };
	int epoll = epoll_create1(0);

	EXPECT(fcntl(listener, F_SETFL, O_NONBLOCK) == 0);
	EXPECT(epoll_ctl(epoll, EPOLL_CTL_ADD, listener, &event) == 0);
	return epoll;
}

static void case_shared(void)
{
	struct epoll_event event;
	int epoll = start_epoll();
	pid_t child;

	start_waiting();
	child = fork();
	if (child == 0)
		work(epoll);
	/* it is whole: somebody is ready, in the parent alone */
	end_waiting();
	wait_for_child(child);
	accept_and_close();
	/* and the parent is woken again as it was, each time */
	start_waiting();
	end_waiting();
	for (int i = 0; i < 3; i++) {
		EXPECT(epoll_wait(epoll, &event, 1, -1) == 1);
		EXPECT(event.data.u64 == UNUSED);
	}
	EXPECT(accept(listener, NULL, NULL) >= 0);
}

/* The parent lets its listener go: its room leaves the epoll with it. */
static void case_left(void)
{
	struct epoll_event event;
	int end[2], epoll = start_epoll();
	pid_t child;
	char byte;

	EXPECT(pipe(end) == 0);
	start_waiting();
	child = fork();
	if (child == 0) {
		close(end[1]);
		close(listener);
		EXPECT(read(end[0], &byte, 1) == 0);
		_exit(0);
	}
	EXPECT(close(listener) == 0);
	EXPECT(send(client, header + 10, strlen(header) - 10,
		    MSG_NOSIGNAL) != 0);
	EXPECT(epoll_wait(epoll, &event, 1, 300) == 0);
	close(end[1]);
	wait_for_child(child);
}

/* A child of a bare clone(2), of which nobody told the library, serves. */
static void case_clone(void)
{
	int epoll = start_epoll();
	struct epoll_event event;
	pid_t child;

	start_waiting();
	child = (pid_t)syscall(SYS_clone, SIGCHLD, 0, 0, 0, 0);
	if (child == 0) {
		EXPECT(close(epoll) == 0);
		epoll = start_epoll();
		for (int i = 0; i < 3; i++) {
			start_waiting();
			end_waiting();
			EXPECT(epoll_wait(epoll, &event, 1, -1) == 1);
			accept_and_close();
		}
		_exit(0);
	}
	wait_for_child(child);
	end_waiting();
	EXPECT(epoll_wait(epoll, &event, 1, -1) == 1);
	EXPECT(accept(listener, NULL, NULL) >= 0);
}

static const struct test_case cases[] = {
	{ "lock", case_lock },
	{ "shared", case_shared },
	{ "clone", case_clone },
	{ "left", case_left },
};

int main(int count, char **words)
{
	how = "";
	limit_descriptors();
	listener = start_listener(0);
	return run_case(cases, sizeof(cases) / sizeof(*cases),
			count > 1 ? words[1] : "");
}
