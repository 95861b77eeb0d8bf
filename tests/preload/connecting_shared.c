/* SPDX-License-Identifier: ISC */
/* For connecting.c: what is begun by one process, thread or signal handler and
 * used by another. */
#include "connecting.h"

#include <poll.h>
#include <pthread.h>
#include <setjmp.h>
#include <signal.h>
#include <sys/wait.h>
#include <unistd.h>

void connect_forked(void)
{
	int fd = make_socket();

	do_connect("connect", fd);
	if (fork() == 0) {
		wait_for(fd, POLLOUT);
		finish(fd);
		_exit(0);
	}
	wait(NULL);
}

void connect_vforked(void)
{
	int fd = make_socket();
	pid_t child = vfork();

	if (child == 0) {
		connect(fd, &server.any, length);
		_exit(0);
	}
	waitpid(child, NULL, 0);
	wait_for(fd, POLLOUT);
	finish(fd);
}

void connect_executed(void)
{
	int fd = make_socket();

	do_connect("connect", fd);
	dup2(fd, STDIN_FILENO);
	execl("/bin/sh", "sh", "-c", "sleep 0.2; printf data >&0", NULL);
}

static int of_handler = -1;

static void connect_in_handler(int number)
{
	ignore_signal(number);
	of_handler = make_socket();
	connect(of_handler, &server.any, length);
}

/* While the thread is in a connect of its own. */
void connect_by_handler(void)
{
	int fd = make_socket();

	start_timer(connect_in_handler, 0);
	do_connect("connect", fd);
	do_connect("again", fd);
	send_data(of_handler);
	finish(fd);
}

static sigjmp_buf behind;

static void leave(int number)
{
	(void)number;
	siglongjmp(behind, 1);
}

void connect_left(void)
{
	int fd = make_socket();

	start_timer(leave, 0);
	if (sigsetjmp(behind, 1) == 0)
		do_connect("connect", fd);
	ignore_signal(0);
	wait_for(fd, POLLOUT);
	finish(fd);
}

#define THREADS 8
#define ROUNDS 50

static void *connect_many(void *argument)
{
	for (int i = 0; i < ROUNDS; i++) {
		int fd = socket(AF_INET, SOCK_STREAM, 0);

		if (connect(fd, &server.any, length) != 0 ||
		    send(fd, "data", 4, MSG_NOSIGNAL) != 4)
			return NULL;
		close(fd);
	}
	return argument;
}

void connect_threads(void)
{
	pthread_t ids[THREADS];
	void *result;

	for (int i = 0; i < THREADS; i++)
		pthread_create(&ids[i], NULL, connect_many, ids);
	for (int i = 0; i < THREADS; i++) {
		pthread_join(ids[i], &result);
		tell("thread", result == ids);
	}
}
