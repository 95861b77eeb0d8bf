/* SPDX-License-Identifier: ISC */
/* Cases, addresses, connections, system calls; see support.h. */
#include <config.h>

#include "suites.h"
#include "support.h"

#include "connection/calls.h"

#include "connection/receive.h"

#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <netinet/tcp.h>
#include <sched.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

/* Seconds after which a test hangs; it is no measure of anything. */
#define PATIENCE 120

static SRunner *runner;

void add_test(struct unit_suite *to, const TTest *test, const char *name)
{
	TCase *tcase = tcase_create(name);

	if (to->suite == NULL) {
		to->suite = suite_create(to->name);
		if (runner == NULL)
			runner = srunner_create(to->suite);
		else
			srunner_add_suite(runner, to->suite);
	}
	if (to->begin != NULL || to->end != NULL)
		tcase_add_checked_fixture(tcase, to->begin, to->end);
	tcase_set_timeout(tcase, PATIENCE);
	tcase_add_test(tcase, test);
	suite_add_tcase(to->suite, tcase);
}

int run_tests(void)
{
	int failed;

	srunner_run_all(runner, CK_ENV);
	failed = srunner_ntests_failed(runner);
	srunner_free(runner);
	return failed;
}

union pp_address address_of(const char *text, unsigned port)
{
	union pp_address address;

	memset(&address, 0, sizeof(address));
	if (inet_pton(AF_INET, text, &address.in.sin_addr) == 1) {
		address.in.sin_family = AF_INET;
		address.in.sin_port = htons((in_port_t)port);
	} else {
		ck_assert_int_eq(inet_pton(AF_INET6, text,
					   &address.in6.sin6_addr), 1);
		address.in6.sin6_family = AF_INET6;
		address.in6.sin6_port = htons((in_port_t)port);
	}
	return address;
}

void take_setting(const struct pp_setting *table, const char *name,
		  const char *value, struct pp_settings *settings,
		  struct pp_settings_error *error)
{
	const size_t size = strlen(name) + strlen(value) + 32;
	char *entry = malloc(size);

	ck_assert_ptr_nonnull(entry);
	snprintf(entry, size, "LIBPROXYPROTO_%s=%s", name, value);
	pp_settings_environment(table, (char *[]){ entry, NULL }, settings,
				error);
	free(entry);
}

void assert_address(const union pp_address *address, const char *text,
		    unsigned port)
{
	union pp_address wanted;

	memset(&wanted, 0, sizeof(wanted));
	if (text != NULL)
		wanted = address_of(text, port);
	ck_assert_int_eq(address->sa.sa_family, wanted.sa.sa_family);
	if (text != NULL)
		ck_assert_mem_eq(address, &wanted,
				 wanted.sa.sa_family == AF_INET
					 ? sizeof(wanted.in)
					 : sizeof(wanted.in6));
}

const uint8_t *guarded(const uint8_t *bytes, size_t size)
{
	const size_t room = 16 * 4096;
	static uint8_t *page;

	HOLDS(size <= room, "no room for %zu bytes", size);
	if (page == NULL) {
		page = real_mmap(room + 4096);
		ck_assert_ptr_ne(page, MAP_FAILED);
		ck_assert_int_eq(mprotect(page + room, 4096, PROT_NONE), 0);
	}
	memcpy(page + room - size, bytes, size);
	return page + room - size;
}

uint8_t peeked[PP_RECEIVE_PEEK];

struct connection connect_tcp(void)
{
	struct sockaddr_in name = { .sin_family = AF_INET };
	socklen_t length = sizeof(name);
	struct connection made;
	int listener = socket(AF_INET, SOCK_STREAM, 0);
	int on = 1;

	name.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
	ck_assert_int_ge(listener, 0);
	ck_assert_int_eq(bind(listener, (struct sockaddr *)&name, length), 0);
	ck_assert_int_eq(listen(listener, 1), 0);
	ck_assert_int_eq(getsockname(listener, (struct sockaddr *)&name,
				     &length), 0);
	made.client = socket(AF_INET, SOCK_STREAM, 0);
	ck_assert_int_eq(connect(made.client, (struct sockaddr *)&name,
				 length), 0);
	made.server = accept(listener, NULL, NULL);
	ck_assert_int_ge(made.server, 0);
	close(listener);
	ck_assert_int_eq(setsockopt(made.client, IPPROTO_TCP, TCP_NODELAY, &on,
				    sizeof(on)), 0);
	return made;
}

/* By a reset: thousands of connections must not linger in TIME_WAIT. */
static void close_at_once(int fd)
{
	struct linger now = { .l_onoff = 1, .l_linger = 0 };

	ck_assert_int_eq(setsockopt(fd, SOL_SOCKET, SO_LINGER, &now,
				    sizeof(now)), 0);
	close(fd);
}

void disconnect(struct connection *connection)
{
	if (connection->client >= 0)
		close_at_once(connection->client);
	close_at_once(connection->server);
}

static int readable(int fd)
{
	int size = 0;

	ck_assert_int_eq(ioctl(fd, FIONREAD, &size), 0);
	return size;
}

/* Waits until so many bytes lie at the descriptor. */
static void wait_readable(int fd, int size)
{
	for (int tries = 0; readable(fd) < size; tries++) {
		ck_assert_int_lt(tries, PATIENCE * 1000);
		if (tries < 100)
			sched_yield();
		else
			real_poll(NULL, 0, 1);
	}
}

void deliver(struct connection *connection, const void *bytes, size_t size)
{
	int before = readable(connection->server);

	ck_assert_int_eq(send(connection->client, bytes, size,
			      MSG_NOSIGNAL), (ssize_t)size);
	wait_readable(connection->server, before + (int)size);
}

static void wait_event(int fd, short event)
{
	struct pollfd poll_fd = { .fd = fd, .events = event };

	ck_assert_int_eq(real_poll(&poll_fd, 1, PATIENCE * 1000), 1);
	ck_assert(poll_fd.revents & event);
}

void deliver_end(struct connection *connection)
{
	ck_assert_int_eq(shutdown(connection->client, SHUT_WR), 0);
	wait_event(connection->server, POLLRDHUP);
}

void deliver_reset(struct connection *connection)
{
	close_at_once(connection->client);
	connection->client = -1;
	wait_event(connection->server, POLLERR);
}

void assert_left(struct connection *connection, const void *bytes, size_t size)
{
	uint8_t *got = malloc(size + 1);

	ck_assert_ptr_nonnull(got);
	if (size > 0) {
		wait_readable(connection->server, (int)size);
		ck_assert_int_eq(real_recv(connection->server, got, size, 0),
				 (ssize_t)size);
		ck_assert_mem_eq(got, bytes, size);
	}
	ck_assert_int_eq(readable(connection->server), 0);
	free(got);
}

_Atomic size_t mapped_bytes;
void *(*fake_mmap)(size_t size);
int (*fake_poll)(struct pollfd *fds, nfds_t count, int timeout);
ssize_t (*fake_recv)(int fd, void *bytes, size_t size, int flags);

/*
 * The names that the linker's --wrap has for calls and what they went to. On 32
 * bit it is mmap64 that the core calls, as config.h has headers name it.
 */
#if defined(_FILE_OFFSET_BITS) && defined(__GLIBC__)
#define __real_mmap __real_mmap64
#define __wrap_mmap __wrap_mmap64
#endif
void *__real_mmap(void *address, size_t size, int protection, int flags,
		  int fd, off_t offset);
void *__wrap_mmap(void *address, size_t size, int protection, int flags,
		  int fd, off_t offset);
int __real_munmap(void *address, size_t size);
int __wrap_munmap(void *address, size_t size);
int __real_poll(struct pollfd *fds, nfds_t count, int timeout);
int __wrap_poll(struct pollfd *fds, nfds_t count, int timeout);
ssize_t __real_recv(int fd, void *bytes, size_t size, int flags);
ssize_t __wrap_recv(int fd, void *bytes, size_t size, int flags);

void *__wrap_mmap(void *address, size_t size, int protection, int flags,
		  int fd, off_t offset)
{
	void *memory = fake_mmap != NULL
			       ? fake_mmap(size)
			       : __real_mmap(address, size, protection, flags,
					     fd, offset);

	if (memory != MAP_FAILED)
		atomic_fetch_add(&mapped_bytes, size);
	return memory;
}

int __wrap_munmap(void *address, size_t size)
{
	atomic_fetch_sub(&mapped_bytes, size);
	return __real_munmap(address, size);
}

void *real_mmap(size_t size)
{
	return __real_mmap(NULL, size, PROT_READ | PROT_WRITE,
			   MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
}

int __wrap_poll(struct pollfd *fds, nfds_t count, int timeout)
{
	return fake_poll != NULL ? fake_poll(fds, count, timeout)
				 : __real_poll(fds, count, timeout);
}

int real_poll(struct pollfd *fds, nfds_t count, int timeout)
{
	return __real_poll(fds, count, timeout);
}

ssize_t __wrap_recv(int fd, void *bytes, size_t size, int flags)
{
	return fake_recv != NULL ? fake_recv(fd, bytes, size, flags)
				 : __real_recv(fd, bytes, size, flags);
}

ssize_t real_recv(int fd, void *bytes, size_t size, int flags)
{
	return __real_recv(fd, bytes, size, flags);
}

int (*fake_getsockopt)(int fd, int level, int name, void *value,
		       socklen_t *length);

static int call_getsockopt(int fd, int level, int name, void *value,
			   socklen_t *length)
{
	return fake_getsockopt != NULL
		       ? fake_getsockopt(fd, level, name, value, length)
		       : getsockopt(fd, level, name, value, length);
}

int (*fake_connect)(int fd, const struct sockaddr *address, socklen_t length);

static int call_connect(int fd, const struct sockaddr *address,
			socklen_t length)
{
	return fake_connect != NULL ? fake_connect(fd, address, length)
				    : connect(fd, address, length);
}

int (*fake_getsockname)(int fd, struct sockaddr *address, socklen_t *length);

static int call_getsockname(int fd, struct sockaddr *address,
			    socklen_t *length)
{
	return fake_getsockname != NULL ? fake_getsockname(fd, address, length)
					: getsockname(fd, address, length);
}

bool hidden[1024];

static int hide(int fd)
{
	int number = fcntl(fd, F_DUPFD_CLOEXEC, FIRST_HIDDEN);

	if (number >= 0) {
		ck_assert(!hidden[number]);
		hidden[number] = true;
	}
	return number;
}

static void forget(int fd)
{
	ck_assert(hidden[fd]);
	hidden[fd] = false;
}

const struct pp_calls pp_calls = {
	.close = close,
	.connect = call_connect,
	.epoll_create1 = epoll_create1,
	.epoll_ctl = epoll_ctl,
	.epoll_wait = epoll_wait,
	.getpeername = getpeername,
	.getsockname = call_getsockname,
	.getsockopt = call_getsockopt,
	.ppoll = ppoll,
	.recv = recv,
	.hide = hide,
	.forget = forget,
};

int in_child(int (*function)(void))
{
	int status = 0;
	pid_t child = fork();

	ck_assert_int_ge(child, 0);
	if (child == 0)
		_exit(function());
	while (waitpid(child, &status, 0) < 0)
		ck_assert_int_eq(errno, EINTR);
	return status;
}
