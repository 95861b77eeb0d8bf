/* SPDX-License-Identifier: ISC */
/*
 * Threads that are disturbed in the middle of what the library does:
 *
 *	disturbed closer	one is cancelled while it closes a listener for
 *				which somebody waits; then the process forks
 *	disturbed handler	while the process forks, a handler that fork
 *				calls waits for another thread's signal handler
 *	disturbed mutex		the process forks while a thread accepts that
 *				holds a mutex which a handler of fork takes
 *	disturbed early US	a signal handler asks for a peer, US microseconds
 *				after the program has begun to ask for the first
 *	disturbed gate		one of two that wait in accept is cancelled just
 *				when it may go on (cancel.c, PP_GATE)
 *	disturbed moment	two find the same connection at once (slow.c)
 *
 * Says "done" where all went on.
 */
#define _GNU_SOURCE
#include <arpa/inet.h>
#include <poll.h>
#include <pthread.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/time.h>
#include <sys/wait.h>
#include <unistd.h>

#define PATIENCE 60	/* seconds */
#define FORKS 250

static const char header[] = "PROXY TCP4 192.0.2.1 192.0.2.2 1111 2222\r\n";

static struct sockaddr_in name = { .sin_family = AF_INET };
static int listener;
static pthread_t asked;
static _Atomic int accepted;
static _Atomic bool has_answered;

static void start_listening(int type)
{
	socklen_t length = sizeof(name);

	name.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
	listener = socket(AF_INET, SOCK_STREAM | type, 0);
	if (bind(listener, (struct sockaddr *)&name, length) != 0 ||
	    listen(listener, 64) != 0 ||
	    getsockname(listener, (struct sockaddr *)&name, &length) != 0)
		abort();
	/* as it was told EAGAIN, nothing stands in for those that are late */
	if ((type & SOCK_NONBLOCK) && accept(listener, NULL, NULL) >= 0)
		abort();
}

/* A client that has sent so much of its header. */
static int begin_client(size_t size)
{
	int fd = socket(AF_INET, SOCK_STREAM, 0);

	if (connect(fd, (struct sockaddr *)&name, sizeof(name)) != 0 ||
	    send(fd, header, size, 0) != (ssize_t)size)
		abort();
	return fd;
}

static void end_header(int client, size_t sent)
{
	if (send(client, header + sent, sizeof(header) - 1 - sent, 0) < 0)
		abort();
}

static pthread_t start_thread(void *(*function)(void *))
{
	pthread_t thread;

	if (pthread_create(&thread, NULL, function, NULL) != 0)
		abort();
	return thread;
}

/* Until the thread sleeps, most probably. */
static void let_sleep(void)
{
	usleep(300000);
}

static void fork_once(void)
{
	pid_t child = fork();

	if (child == 0)
		_exit(0);
	if (waitpid(child, NULL, 0) != child)
		abort();
}

static void *close_cancelled(void *ignored)
{
	(void)ignored;
	pthread_setcancelstate(PTHREAD_CANCEL_DISABLE, NULL);
	pthread_cancel(pthread_self());
	pthread_setcancelstate(PTHREAD_CANCEL_ENABLE, NULL);
	close(listener);
	return NULL;
}

/* The listener has a client in its waiting room then. */
static void let_wait(void)
{
	begin_client(5);
	if (accept(listener, NULL, NULL) >= 0)
		abort();
}

static void closer(void)
{
	start_listening(SOCK_NONBLOCK);
	let_wait();
	pthread_join(start_thread(close_cancelled), NULL);
	fork_once();
}

static void answer(int number)
{
	(void)number;
	atomic_store(&has_answered, true);
}

static void ask(void)
{
	atomic_store(&has_answered, false);
	pthread_kill(asked, SIGUSR1);
	while (!atomic_load(&has_answered))
		sched_yield();
}

static void *look(void *ignored)
{
	struct pollfd here = { .fd = listener, .events = POLLIN };

	(void)ignored;
	for (;;)
		poll(&here, 1, 0);
	return NULL;
}

static void handler(void)
{
	struct sigaction action = { .sa_handler = answer,
				    .sa_flags = SA_RESTART };

	sigaction(SIGUSR1, &action, NULL);
	/* before the library's, so called behind it */
	pthread_atfork(ask, NULL, NULL);
	start_listening(SOCK_NONBLOCK);
	let_wait();
	asked = start_thread(look);
	for (int i = 0; i < FORKS; i++)
		fork_once();
}

static pthread_mutex_t mutex = PTHREAD_MUTEX_INITIALIZER;
static _Atomic bool holds;

static void lock_mutex(void)
{
	pthread_mutex_lock(&mutex);
}

static void unlock_mutex(void)
{
	pthread_mutex_unlock(&mutex);
}

/* As Apache's: only who holds it accepts. The header is late, so it waits. */
static void *accept_with_mutex(void *ignored)
{
	struct pollfd here = { .fd = listener, .events = POLLIN };

	(void)ignored;
	lock_mutex();
	atomic_store(&holds, true);
	let_sleep();
	let_wait();
	if (poll(&here, 1, 10) < 0)
		abort();
	unlock_mutex();
	return NULL;
}

static void with_mutex(void)
{
	pthread_t thread;

	pthread_atfork(lock_mutex, unlock_mutex, unlock_mutex);
	start_listening(SOCK_NONBLOCK);
	thread = start_thread(accept_with_mutex);
	while (!atomic_load(&holds))
		usleep(1000);
	fork_once();
	pthread_join(thread, NULL);
}

static void get_peer(int number)
{
	struct sockaddr_in peer;
	socklen_t length = sizeof(peer);

	(void)number;
	getpeername(listener, (struct sockaddr *)&peer, &length);
}

/* The library reads and looks up what it needs at the first question. */
static void early(int microseconds)
{
	struct itimerval soon = { .it_value.tv_usec = microseconds };

	listener = socket(AF_INET, SOCK_STREAM, 0);
	signal(SIGALRM, get_peer);
	setitimer(ITIMER_REAL, &soon, NULL);
	for (int i = 0; i < 2000; i++)
		get_peer(0);
}

static void *accept_one(void *ignored)
{
	(void)ignored;
	if (accept(listener, NULL, NULL) < 0)
		abort();
	atomic_fetch_add(&accepted, 1);
	return NULL;
}

static void gate(void)
{
	pthread_t first;

	start_listening(0);
	first = start_thread(accept_one);
	let_sleep();
	begin_client(sizeof(header) - 1);
	pthread_join(first, NULL);
	accept_one(NULL);
}

static void *accept_two_then_serve(void *ignored)
{
	accept_one(ignored);
	accept_one(ignored);
	for (;;)
		pause();
	return NULL;
}

/*
 * The first thread waits for the listener and its room, as it has been the
 * only one; the second at the gate. Both see the same client. The one who has
 * not got it must see who completes its header.
 */
static void moment(void)
{
	int late;

	start_listening(0);
	start_thread(accept_two_then_serve);
	begin_client(sizeof(header) - 1);
	while (atomic_load(&accepted) < 1)
		usleep(1000);
	let_sleep();
	late = begin_client(5);
	let_sleep();
	start_thread(accept_one);
	let_sleep();
	begin_client(sizeof(header) - 1);
	while (atomic_load(&accepted) < 2)
		usleep(1000);
	let_sleep();
	let_sleep();
	end_header(late, 5);
	while (atomic_load(&accepted) < 3)
		usleep(1000);
}

int main(int argc, char **argv)
{
	static const struct {
		const char *name;
		void (*run)(void);
	} cases[] = {
		{ "closer", closer },
		{ "handler", handler },
		{ "mutex", with_mutex },
		{ "gate", gate },
		{ "moment", moment },
	};

	if (argc == 3 && strcmp(argv[1], "early") == 0) {
		early(atoi(argv[2]));
		return 0;
	}
	alarm(PATIENCE);
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++)
		if (argc == 2 && strcmp(argv[1], cases[i].name) == 0) {
			cases[i].run();
			puts("done");
			/* threads may be in the middle of something */
			fflush(stdout);
			_exit(0);
		}
	fprintf(stderr, "usage: disturbed closer|handler|mutex|gate|moment\n"
			"       disturbed early MICROSECONDS\n");
	return 2;
}
