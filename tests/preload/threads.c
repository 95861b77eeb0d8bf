/* SPDX-License-Identifier: ISC */
/*
 * A server of many threads or processes on one listener:
 *
 *	threads WORKERS [processes] [forks]
 *
 * A client sends "ADDRESS\n" behind its header, where ADDRESS is the one that
 * the header states ("192.0.2.1:1111"). It is answered "ok\n" when accept and
 * getpeername say the same, or else with what they say. A client that sends
 * "hold ADDRESS\n" is kept, and from then on another thread and a signal
 * handler (with forks, forked children too) ask who it is, again and again.
 * Whatever else is sent is ignored. At the end of stdin it says how many were
 * served, how many not as stated, and how often the held one was asked for.
 */
#define _GNU_SOURCE
#include <arpa/inet.h>
#include <errno.h>
#include <pthread.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/time.h>
#include <sys/wait.h>
#include <unistd.h>

/* What is counted, by all processes together. */
static struct counts {
	atomic_long served, wrong, asked;
} *counts;

static int listener;

/* The client that is kept: its descriptor, set last, and its address. */
static _Atomic int held = -1;
static struct sockaddr_in held_address;

/* Is the held client still who it was? Signal-safe. */
static bool held_is_right(void)
{
	struct sockaddr_in address;
	socklen_t length = sizeof(address);
	int fd = atomic_load(&held);

	if (fd < 0)
		return true;
	atomic_fetch_add(&counts->asked, 1);
	return getpeername(fd, (struct sockaddr *)&address, &length) == 0 &&
	       memcmp(&address, &held_address, sizeof(address)) == 0;
}

static void check_held(void)
{
	if (!held_is_right())
		atomic_fetch_add(&counts->wrong, 1);
}

static void on_alarm(int signal)
{
	int error = errno;

	(void)signal;
	check_held();
	errno = error;
}

/* Asks for the held client, and for whoever else is there. */
static void *watch(void *argument)
{
	struct sockaddr_storage address;
	socklen_t length;

	(void)argument;
	for (;;) {
		check_held();
		for (int fd = 0; fd < 64; fd++) {
			length = sizeof(address);
			getpeername(fd, (struct sockaddr *)&address, &length);
		}
		usleep(100);
	}
	return NULL;
}

/* Forks while the other threads accept. */
static void *fork_on(void *argument)
{
	int status;
	pid_t child;

	(void)argument;
	for (;;) {
		child = fork();
		if (child == 0)
			_exit(!held_is_right());
		if (waitpid(child, &status, 0) != child || status != 0)
			atomic_fetch_add(&counts->wrong, 1);
		usleep(2000);
	}
	return NULL;
}

static void to_text(const struct sockaddr_in *address, char *text, size_t size)
{
	char ip[INET_ADDRSTRLEN];

	inet_ntop(AF_INET, &address->sin_addr, ip, sizeof(ip));
	snprintf(text, size, "%s:%u", ip, ntohs(address->sin_port));
}

/* Reads a line; false where the client ends or resets before. */
static bool read_line(int fd, char *line, size_t size)
{
	size_t at = 0;
	ssize_t got;

	while (at < size - 1) {
		got = recv(fd, line + at, 1, 0);
		if (got < 0 && errno == EINTR)
			continue;
		if (got <= 0)
			return false;
		if (line[at] == '\n') {
			line[at] = '\0';
			return true;
		}
		at++;
	}
	return false;
}

/* One client's turn. True where it is to be kept. */
static bool serve(int fd, const struct sockaddr_in *accepted)
{
	struct sockaddr_in named;
	socklen_t length = sizeof(named);
	char line[128], first[64], second[64] = "nobody", reply[160] = "ok\n";
	const char *stated = line;
	bool keep;

	if (!read_line(fd, line, sizeof(line)))
		return false;
	keep = strncmp(line, "hold ", 5) == 0;
	if (keep)
		stated += 5;
	to_text(accepted, first, sizeof(first));
	if (getpeername(fd, (struct sockaddr *)&named, &length) == 0)
		to_text(&named, second, sizeof(second));
	if (strcmp(first, stated) != 0 || strcmp(second, stated) != 0)
		snprintf(reply, sizeof(reply), "accept: %s, getpeername: %s\n",
			 first, second);
	if (keep) {
		held_address = named;
		atomic_store(&held, fd);
	}
	atomic_fetch_add(&counts->served, 1);
	send(fd, reply, strlen(reply), MSG_NOSIGNAL);
	return keep;
}

static void *work(void *argument)
{
	struct sockaddr_in address;
	socklen_t length;
	int fd;

	for (bool four = argument != NULL;; four = !four) {
		memset(&address, 0, sizeof(address));
		length = sizeof(address);
		if (four)
			fd = accept4(listener, (struct sockaddr *)&address,
				     &length, SOCK_CLOEXEC);
		else
			fd = accept(listener, (struct sockaddr *)&address,
				    &length);
		if (fd < 0 && errno != EINTR && errno != ECONNABORTED) {
			perror("accept");
			_exit(1);
		}
		if (fd >= 0 && !serve(fd, &address))
			close(fd);
	}
	return NULL;
}

/* A worker that is a process of its own, and ends with this one. */
static void start_process(void)
{
	if (fork() != 0)
		return;
	prctl(PR_SET_PDEATHSIG, SIGKILL);
	work(NULL);
}

static void start_thread(void *(*function)(void *), void *argument)
{
	pthread_t thread;

	if (pthread_create(&thread, NULL, function, argument) != 0)
		abort();
	pthread_detach(thread);
}

static void start_listening(void)
{
	struct sockaddr_in address = { .sin_family = AF_INET };
	socklen_t length = sizeof(address);

	address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
	listener = socket(AF_INET, SOCK_STREAM, 0);
	if (bind(listener, (struct sockaddr *)&address, length) != 0 ||
	    listen(listener, 512) != 0 ||
	    getsockname(listener, (struct sockaddr *)&address, &length) != 0)
		abort();
	printf("listening %u\n", ntohs(address.sin_port));
	fflush(stdout);
}

int main(int argc, char **argv)
{
	struct itimerval often = { { 0, 2000 }, { 0, 2000 } };
	struct sigaction action = { .sa_handler = on_alarm,
				    .sa_flags = SA_RESTART };
	bool processes = argc > 2 && strcmp(argv[2], "processes") == 0;
	bool forks = argc > 2 && strcmp(argv[2], "forks") == 0;
	static char marker;
	char byte;

	counts = mmap(NULL, sizeof(*counts), PROT_READ | PROT_WRITE,
		      MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	start_listening();
	for (int i = 0; i < atoi(argv[1]); i++)
		if (processes)
			start_process();
		else
			start_thread(work, i % 2 ? &marker : NULL);
	if (!processes) {
		start_thread(watch, NULL);
		sigaction(SIGALRM, &action, NULL);
		setitimer(ITIMER_REAL, &often, NULL);
	}
	if (forks)
		start_thread(fork_on, NULL);
	while (read(STDIN_FILENO, &byte, 1) != 0)
		continue;
	printf("served %ld wrong %ld asked %ld\n", counts->served,
	       counts->wrong, counts->asked);
	return 0;
}
