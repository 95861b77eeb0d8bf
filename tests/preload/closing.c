/* SPDX-License-Identifier: ISC */
/*
 * A server that closes descriptors it knows nothing of while a client waits for
 * its header.
 *
 *	closing CASE [HOW]
 *
 * Says "ok" in the end, or what was not as without the library. HOW it closes:
 * see close_all.
 */
#include "closing.h"

#include <signal.h>
#include <stdlib.h>
#include <sys/eventfd.h>
#include <sys/select.h>

/* Called by tests/preload/behind.c when accept(2) has returned. */
void behind_accept(void);

#define FILES 8

static int files[FILES];

static bool is_open(int fd)
{
	return fcntl(fd, F_GETFD) >= 0;
}

/* The client that waits is there, and is served. */
static void check_served(void)
{
	struct pollfd fds = { .fd = listener, .events = POLLIN };

	end_waiting();
	EXPECT(poll(&fds, 1, -1) == 1);
	accept_and_close();
}

static void close_between(int first, int last)
{
	if (is(how, "loop"))
		for (int fd = first; fd <= last; fd++)
			EXPECT(close(fd) == -1 && errno == EBADF);
	else if (is(how, "raw"))
		EXPECT(syscall(SYS_close_range, first, last, 0) == 0);
	else if (is(how, "close_range") && close_range != NULL)
		EXPECT(close_range((unsigned)first, (unsigned)last, 0) == 0);
	else
		_exit(77);
}

/* Closes what is above the listener, but for the clients of the test. */
static void close_all(void)
{
	int kept = client;

	if (!is(how, "closefrom") || closefrom == NULL) {
		close_between(listener + 1, FAR - 1);
		close_between(HIDDEN, LIMIT - 1);
		return;
	}
	/* nothing of the test is lost */
	closefrom(listener + 1);
	EXPECT(!is_open(kept));
}

/* Opens files under the numbers that were closed, if they were. */
static void open_files(void)
{
	int file = open("/dev/null", O_RDWR);

	EXPECT(file == listener + 1);
	for (int i = 0; i < FILES; i++) {
		files[i] = fcntl(file, F_DUPFD, HIDDEN);
		EXPECT(files[i] >= HIDDEN);
	}
	EXPECT(close(file) == 0);
}

static void check_files(void)
{
	for (int i = 0; i < FILES; i++)
		EXPECT(is_open(files[i]));
}

/* Does /proc call it so? */
static bool is_a(int fd, const char *name)
{
	char path[64], link[64] = "";

	snprintf(path, sizeof(path), "/proc/self/fd/%d", fd);
	return readlink(path, link, sizeof(link) - 1) > 0 &&
	       strstr(link, name) != NULL;
}

/* The number of the first, or the last, that is so; -1 for none. */
static int find_number(const char *name)
{
	for (int fd = listener + 1; fd < LIMIT; fd++) {
		if (fd == FAR)
			fd = HIDDEN;
		if (is_a(fd, name))
			return fd;
	}
	return -1;
}

static int find_last(const char *name)
{
	for (int fd = LIMIT - 1; fd > listener; fd--)
		if (is_a(fd, name))
			return fd;
	return -1;
}

static void *sleep_in_thread(void *unused)
{
	(void)unused;
	for (;;)
		pause();
	return NULL;
}

/* ---- the cases ---- */

/* What the program opens under those numbers is its own. */
static void case_files(void)
{
	start_waiting();
	close_all();
	open_files();
	if (is(how, "loop") || is(how, "close_range"))
		check_served();
	EXPECT(close(listener) == 0);
	check_files();
	for (int i = 0; i < FILES; i++)
		EXPECT(close(files[i]) == 0);
}

/* The same in a child. */
static void case_fork(void)
{
	pid_t child;

	start_waiting();
	close_all();
	open_files();
	child = fork();
	if (child == 0) {
		check_files();
		_exit(0);
	}
	wait_for_child(child);
	check_files();
}

/* A child that nobody told of closes all, and opens its own. */
static void case_clone(void)
{
	pid_t child;

	start_waiting();
	child = (pid_t)syscall(SYS_clone, SIGCHLD, 0, 0, 0, 0);
	if (child == 0) {
		close_all();
		open_files();
		accept_nobody();
		check_files();
		_exit(0);
	}
	wait_for_child(child);
	check_served();
}

/* Is number still open in a child of vfork that closed it? */
static __attribute__((noinline)) bool survives_vfork(int number)
{
	int status;
	pid_t child = vfork();

	if (child == 0) {
		if (close_range != NULL)
			close_range((unsigned)listener + 1, LIMIT, 0);
		else
			close(number);
		_exit(is_open(number) ? 1 : 0);
	}
	EXPECT(waitpid(child, &status, 0) == child);
	return status != 0;
}

/* It closes what it says, and the parent does not lose it. */
static void case_vfork(void)
{
	start_waiting();
	EXPECT(!survives_vfork(find_number("eventpoll")));
	check_served();
}

/* Gives a descriptor a number, past the library. */
static void move(int fd, int number)
{
	int far = fcntl(fd, F_DUPFD_CLOEXEC, FAR);

	syscall(SYS_close, fd);
	EXPECT(syscall(SYS_dup3, far, number, O_CLOEXEC) == number);
}

/* The program's own epoll and what it waits for have the room's numbers. */
static void case_epoll(void)
{
	struct epoll_event event = { .events = EPOLLIN,
				     .data.u64 = UNUSED };
	int epoll, timer;

	start_waiting();
	epoll = find_number("eventpoll");
	timer = find_number("timerfd");
	EXPECT(epoll >= 0 && timer >= 0);
	how = "raw";
	close_all();
	move(epoll_create1(0), epoll);
	move(eventfd(1, 0), timer);
	EXPECT(epoll_ctl(epoll, EPOLL_CTL_ADD, timer, &event) == 0);
	accept_nobody();
	event.data.u64 = 0;
	EXPECT(epoll_wait(epoll, &event, 1, -1) == 1);
	EXPECT(event.data.u64 == UNUSED && event.events == EPOLLIN);
	EXPECT(is_open(timer));
}

/* Who waited is another connection now, which is the program's already. */
static void case_connection(void)
{
	int other = start_client(strlen(header));
	int fd = fcntl(accept(listener, NULL, NULL), F_DUPFD, FAR);
	char bytes[4] = "";
	int waiting;

	EXPECT(close(listener + 1) == 0);
	start_waiting();
	waiting = find_number("socket");
	EXPECT(syscall(SYS_dup3, fd, waiting, 0) == waiting);
	check_gone();
	/* the time of who waited is over */
	sleep(2);
	accept_nobody();
	EXPECT(send(other, "data", 4, 0) == 4);
	EXPECT(recv(waiting, bytes, 4, MSG_WAITALL) == 4);
	EXPECT(memcmp(bytes, "data", 4) == 0);
	EXPECT(close(waiting) == 0);
}

/* A number of the room's is taken: its descriptor is closed by that. */
static void case_take(void)
{
	static const char *const names[] = { "eventpoll", "timerfd", "socket" };
	int file = open("/dev/null", O_RDWR);

	for (size_t i = 0; i < 3; i++) {
		int number;

		start_waiting();
		number = find_number(names[i]);
		EXPECT(number >= HIDDEN);
		EXPECT(dup2(file, number) == number);
		accept_nobody();
		check_gone();
		EXPECT(is_a(number, "null"));
		EXPECT(close(number) == 0);
		EXPECT(find_number("socket") == -1);
	}
	start_waiting();
	check_served();
}

/* Waiting with a room that the program has closed. */
static void case_wait(void)
{
	struct pollfd fds = { .fd = listener, .events = POLLIN };
	struct timeval time = { .tv_usec = 10000 };
	fd_set set;

	start_thread(sleep_in_thread);
	EXPECT(poll(&fds, 1, 0) == 0);
	close_all();
	EXPECT(poll(&fds, 1, 10) == 0);
	close_all();
	FD_ZERO(&set);
	FD_SET(listener, &set);
	EXPECT(select(listener + 1, &set, NULL, NULL, &time) == 0);
}

/* accept(2) with one. */
static void case_accept(void)
{
	start_waiting();
	close_all();
	EXPECT(fcntl(listener, F_SETFL, 0) == 0);
	start_client(strlen(header));
	EXPECT(accept(listener, NULL, NULL) >= 0);
}

static void *accept_in_thread(void *unused)
{
	(void)unused;
	EXPECT(accept(listener, NULL, NULL) >= 0);
	return NULL;
}

/* accept(2) of several threads, which have a gate, too. */
static void case_gate(void)
{
	pthread_t thread;

	EXPECT(fcntl(listener, F_SETFL, 0) == 0);
	for (int i = 0; i < 2; i++) {
		start_client(strlen(header));
		EXPECT(pthread_create(&thread, NULL, accept_in_thread,
				      NULL) == 0);
		EXPECT(pthread_join(thread, NULL) == 0);
		start_client(strlen(header));
		accept_in_thread(NULL);
		close_all();
	}
	/* those that were accepted are closed as well */
	EXPECT(find_number("socket") == -1);
}

static _Atomic bool behind, go_on;

void behind_accept(void)
{
	behind = true;
	while (!go_on)
		usleep(1000);
}

/* While a thread is in accept(2), its gate becomes an epoll of the program. */
static void case_arm(void)
{
	struct epoll_event event = { .events = EPOLLIN, .data.u64 = UNUSED };
	int gate, epoll = epoll_create1(0), old = listener;
	pthread_t thread;

	EXPECT(fcntl(listener, F_SETFL, 0) == 0);
	start_client(strlen(header));
	EXPECT(pthread_create(&thread, NULL, accept_in_thread, NULL) == 0);
	while (!behind)
		usleep(1000);
	gate = find_last("eventpoll");
	EXPECT(gate > epoll);
	EXPECT(close(listener) == 0);
	listener = start_listener(0);
	EXPECT(listener == old);
	EXPECT(dup2(epoll, gate) == gate);
	EXPECT(epoll_ctl(gate, EPOLL_CTL_ADD, listener, &event) == 0);
	go_on = true;
	EXPECT(pthread_join(thread, NULL) == 0);
	start_client(strlen(header));
	for (int i = 0; i < 2; i++) {
		event.data.u64 = 0;
		EXPECT(epoll_wait(gate, &event, 1, -1) == 1);
		EXPECT(event.data.u64 == UNUSED);
	}
}

static void *poll_in_thread(void *id)
{
	struct pollfd fds = { .fd = listener, .events = POLLIN };

	*(_Atomic pid_t *)id = (pid_t)syscall(SYS_gettid);
	EXPECT(poll(&fds, 1, -1) == 1 && fds.revents == POLLIN);
	return NULL;
}

static void *accept_nobody_in_thread(void *unused)
{
	(void)unused;
	accept_nobody();
	return NULL;
}

static bool is_asleep(pid_t thread)
{
	char path[64], state = '?';
	FILE *file;

	snprintf(path, sizeof(path), "/proc/self/task/%d/stat", (int)thread);
	file = fopen(path, "r");
	EXPECT(file != NULL && fscanf(file, "%*d (%*[^)]) %c", &state) == 1);
	fclose(file);
	return state == 'S';
}

/*
 * While a thread is in accept with the first client that will wait, another
 * one begins to poll: it is woken when that client is ready.
 */
static void case_poller(void)
{
	struct pollfd fds = { .fd = listener, .events = POLLIN };
	pthread_t accepting, polling;
	_Atomic pid_t poller = 0;

	go_on = true;
	start_client(strlen(header));
	EXPECT(poll(&fds, 1, -1) == 1);
	EXPECT(accept(listener, NULL, NULL) >= 0);
	go_on = false;
	behind = false;
	client = start_client(10);
	EXPECT(pthread_create(&accepting, NULL,
			      accept_nobody_in_thread, NULL) == 0);
	while (!behind)
		usleep(1000);
	EXPECT(pthread_create(&polling, NULL, poll_in_thread, &poller) == 0);
	while (poller == 0 || !is_asleep(poller))
		usleep(1000);
	go_on = true;
	EXPECT(pthread_join(accepting, NULL) == 0);
	end_waiting();
	EXPECT(pthread_join(polling, NULL) == 0);
}

static const struct test_case cases[] = {
	{ "files", case_files },     { "fork", case_fork },
	{ "clone", case_clone },     { "vfork", case_vfork },
	{ "epoll", case_epoll },     { "connection", case_connection },
	{ "take", case_take },	     { "wait", case_wait },
	{ "accept", case_accept },   { "gate", case_gate },
	{ "arm", case_arm },	     { "poller", case_poller },
};

int main(int count, char **words)
{
	how = count > 2 ? words[2] : "";
	limit_descriptors();
	listener = start_listener(SOCK_NONBLOCK);
	return run_case(cases, sizeof(cases) / sizeof(*cases), words[1]);
}
