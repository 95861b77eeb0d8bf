/* SPDX-License-Identifier: ISC */
/*
 * A program that makes the calls it is told to, for tests to run with and
 * without the libraries and compare. Reads a command a line from stdin and
 * answers each with a line: the name of the call, its result, and errno, which
 * was KEPT before. Addresses and bytes are in hexadecimal. See
 * tests/fixture/calls.py, which speaks to it.
 */
#define _GNU_SOURCE
#include "passing.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <pthread.h>
#include <signal.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

/* errno before each call, to see whether it is touched */
#define KEPT 4242
/* what a buffer holds before a call, to see what is written */
#define UNTOUCHED 0xaa
#define BUFFER 4096
/* words of a command at most */
#define WORDS 6

/* The functions of the library, where it is loaded. */
extern ssize_t proxyproto_get_header(int fd, void *bytes, size_t size)
	__attribute__((weak));
extern int proxyproto_keep_headers(void) __attribute__((weak));
extern int proxyproto_get_proxy(int fd, struct sockaddr *address,
				socklen_t *length) __attribute__((weak));

/* A command, split into words. */
struct command {
	const char *word[WORDS];
	char text[2 * BUFFER + 64];
};

/* Numbers as C writes them; "" and missing words are 0. */
static int number(const struct command *command, int i)
{
	return command->word[i] == NULL
		       ? 0
		       : (int)strtol(command->word[i], NULL, 0);
}

static size_t from_hex(const char *text, unsigned char *bytes)
{
	int error = errno;
	size_t size = 0;
	unsigned byte;

	/* sscanf(3) may touch errno, which the call that follows must not */
	while (text != NULL && size < BUFFER &&
	       sscanf(text + 2 * size, "%2x", &byte) == 1)
		bytes[size++] = (unsigned char)byte;
	errno = error;
	return size;
}

/* One write a line: a forked child and threads answer too. */
static void answer(const char *name, long result, int error, const char *more)
{
	char line[2 * BUFFER + 128];
	int size = snprintf(line, sizeof(line), "%s = %ld %d %s\n", name,
			    result, error, more);

	if (write(STDOUT_FILENO, line, (size_t)size) != size)
		_exit(1);
}

static void answer_bytes(const char *name, long result, int error,
			 const char *more, const unsigned char *bytes,
			 size_t size)
{
	char text[2 * BUFFER + 64];
	int at = snprintf(text, sizeof(text), "%s", more);

	for (size_t i = 0; i < size; i++)
		at += sprintf(text + at, "%02x", bytes[i]);
	answer(name, result, error, text);
}

/* What the call returns where the command has this name. */
#define CALL(name, call)                             \
	do {                                         \
		if (strcmp(command->word[0], name) == 0) \
			return call;                 \
	} while (0)

static int make_name_call(const struct command *command,
			  struct sockaddr *address, socklen_t *length)
{
	int fd = number(command, 1);

	CALL("accept", accept(fd, address, length));
	CALL("accept4", accept4(fd, address, length, number(command, 3)));
	CALL("getpeername", getpeername(fd, address, length));
	CALL("getproxy", proxyproto_get_proxy(fd, address, length));
	return getsockname(fd, address, length);
}

/*
 * accept, accept4, getpeername, getproxy, getsockname: NAME FD LENGTH [FLAGS].
 * LENGTH is that of the buffer, or null (no address and no length), or
 * nolength (no length only), or badaddress, or badlength. Answers with the
 * length afterwards and the buffer.
 */
static void name_call(const struct command *command)
{
	const char *name = command->word[0], *how = command->word[2];
	unsigned char buffer[128];
	struct sockaddr *address = (void *)buffer;
	socklen_t length = sizeof(buffer), *length_at = &length;
	int result, state;
	char text[32];

	memset(buffer, UNTOUCHED, sizeof(buffer));
	if (strcmp(how, "null") == 0)
		address = NULL, length_at = NULL;
	else if (strcmp(how, "nolength") == 0)
		length_at = NULL;
	else if (strcmp(how, "badlength") == 0)
		length_at = (socklen_t *)8;
	else if (strcmp(how, "badaddress") == 0)
		address = (struct sockaddr *)8;
	else
		length = (socklen_t)number(command, 2);
	errno = KEPT;
	result = make_name_call(command, address, length_at);
	/* a thread that is cancelled still tells what it got */
	pthread_setcancelstate(PTHREAD_CANCEL_DISABLE, &state);
	snprintf(text, sizeof(text), "%d ", (int)length);
	answer_bytes(name, result, errno, text, buffer, sizeof(buffer));
}

/* header FD SIZE */
static void get_header(const struct command *command)
{
	unsigned char bytes[BUFFER];
	size_t size = (size_t)number(command, 2);
	ssize_t length;

	memset(bytes, UNTOUCHED, sizeof(bytes));
	errno = KEPT;
	length = proxyproto_get_header(number(command, 1),
				       size == 0 ? NULL : bytes, size);
	answer_bytes("header", length, errno, "", bytes, size + 1);
}

/* recv FD SIZE FLAGS */
static void receive(const struct command *command)
{
	unsigned char bytes[BUFFER];
	ssize_t got;

	errno = KEPT;
	got = recv(number(command, 1), bytes, (size_t)number(command, 2),
		   number(command, 3));
	answer_bytes("recv", got, errno, "", bytes, got < 0 ? 0 : (size_t)got);
}

/* getsockopt FD LEVEL NAME, of an int */
static void get_option(const struct command *command)
{
	int value = -1, result;
	socklen_t length = sizeof(value);
	char text[16];

	errno = KEPT;
	result = getsockopt(number(command, 1), number(command, 2),
			    number(command, 3), &value, &length);
	snprintf(text, sizeof(text), "%d", value);
	answer("getsockopt", result, errno, text);
}

/* Takes every descriptor below the number given. */
static int fill(int below)
{
	struct rlimit limit;
	int fd;

	getrlimit(RLIMIT_NOFILE, &limit);
	limit.rlim_cur = (rlim_t)below + 64;
	if (limit.rlim_cur > limit.rlim_max)
		limit.rlim_max = limit.rlim_cur;
	if (setrlimit(RLIMIT_NOFILE, &limit) != 0)
		return -1;
	do
		fd = dup(STDOUT_FILENO);
	while (fd >= 0 && fd < below);
	return fd < 0 ? -1 : close(fd);
}

/* connect FD ADDRESS, or connect FD badaddress LENGTH */
static int connect_call(const struct command *command)
{
	unsigned char bytes[BUFFER];
	const struct sockaddr *address = (struct sockaddr *)bytes;
	socklen_t length;

	if (strcmp(command->word[2], "badaddress") == 0) {
		address = (struct sockaddr *)8;
		length = (socklen_t)number(command, 3);
	} else {
		length = (socklen_t)from_hex(command->word[2], bytes);
	}
	return connect(number(command, 1), address, length);
}

/* As exec, by a call that no library can see. */
static long raw_exec(void)
{
	static char calls[] = "calls";
	char *const argv[] = { calls, NULL };

	return syscall(SYS_execve, "/proc/self/exe", argv, environ);
}

/* Calls that make descriptors, or another process or user. */
static long other_call(const struct command *command, bool *known)
{
	const char *word = command->word[1];
	int a = number(command, 1), b = number(command, 2),
	    c = number(command, 3);

	CALL("dup", dup(a));
	CALL("dup2", dup2(a, b));
	CALL("dup3", dup3(a, b, c));
	CALL("rawdup", syscall(SYS_dup3, a, b, 0));
	/* pass SOCKET FD; take SOCKET answers with the descriptor */
	CALL("pass", pass_descriptor(a, b, ONE_MESSAGE));
	CALL("passmany", pass_descriptor(a, b, MANY_MESSAGES));
	CALL("rawpass", pass_descriptor(a, b, RAW_CALL));
	CALL("take", take_descriptor(a, ONE_MESSAGE));
	CALL("takemany", take_descriptor(a, MANY_MESSAGES));
	CALL("rawtake", take_descriptor(a, RAW_CALL));
	CALL("getfd", get_own_descriptor(a));
	/* exec [FILE]: the next command is for the program that is executed */
	CALL("exec", execl(word == NULL ? "/proc/self/exe" : word, "calls",
			   (char *)NULL));
	CALL("rawexec", raw_exec());
	CALL("keepheaders", proxyproto_keep_headers());
	CALL("setuid", setgid((gid_t)a) == 0 ? setuid((uid_t)a) : -1);
	*known = false;
	return -1;
}

/* The calls that answer with their result alone. */
static long plain_call(const struct command *command, bool *known)
{
	int a = number(command, 1), b = number(command, 2),
	    c = number(command, 3);
	unsigned char bytes[BUFFER];
	struct pollfd poll_fd = { .fd = a, .events = (short)b };

	CALL("socket", socket(a, b, c));
	CALL("bind", bind(a, (struct sockaddr *)bytes,
			  (socklen_t)from_hex(command->word[2], bytes)));
	CALL("connect", connect_call(command));
	CALL("listen", listen(a, b));
	CALL("setsockopt",
	     setsockopt(a, b, c, bytes,
			(socklen_t)from_hex(command->word[4], bytes)));
	CALL("send", send(a, bytes, from_hex(command->word[2], bytes),
			  MSG_NOSIGNAL));
	CALL("fcntl", fcntl(a, b, c));
	CALL("poll", poll(&poll_fd, 1, c));
	CALL("close", close(a));
	CALL("fclose", fclose(fdopen(a, "r+")));
	CALL("close_range",
	     syscall(SYS_close_range, (unsigned)a, (unsigned)b, 0));
	CALL("rawclose", syscall(SYS_close, a));
	CALL("rawaccept", syscall(SYS_accept4, a, NULL, NULL, 0));
	CALL("rawlisten", syscall(SYS_listen, a, b));
	CALL("ignore", signal(a, SIG_IGN) == SIG_ERR ? -1 : 0);
	CALL("chroot", chroot(command->word[1]));
	CALL("fill", fill(a));
	return other_call(command, known);
}

static void run(struct command *command);
static pthread_t thread;
static struct command thread_command;

static void *run_in_thread(void *argument)
{
	run(argument);
	return NULL;
}

/* Splits the text at its spaces, in place. */
static void split(struct command *command)
{
	char *rest = command->text;

	for (int i = 0; i < WORDS; i++)
		command->word[i] = strsep(&rest, " ");
}

/* thread COMMAND: another thread makes the call. join and cancel end it. */
static void start_thread(const struct command *command)
{
	int at = 0;

	for (int i = 1; i < WORDS && command->word[i] != NULL; i++)
		at += sprintf(thread_command.text + at, at == 0 ? "%s" : " %s",
			      command->word[i]);
	split(&thread_command);
	answer("thread",
	       pthread_create(&thread, NULL, run_in_thread, &thread_command),
	       0, "");
}

static void end_thread(const struct command *command)
{
	const char *how = command->word[0];
	void *result = NULL;

	if (strcmp(how, "cancel") == 0)
		pthread_cancel(thread);
	pthread_join(thread, &result);
	answer(how, result == PTHREAD_CANCELED, 0, "");
}

/*
 * fork, or rawfork by a call that no library can see: the child takes the
 * commands, up to exit; then the parent goes on.
 */
static void fork_child(const struct command *command)
{
	const char *how = command->word[0];
	int status = -1;
	pid_t child = strcmp(how, "fork") == 0
			      ? fork()
			      : (pid_t)syscall(SYS_clone, SIGCHLD, 0, 0, 0, 0);

	if (child > 0) {
		waitpid(child, &status, 0);
		answer("exit", status, 0, "");
		return;
	}
	answer(how, getpid(), 0, "");
}

static void end_process(const struct command *command)
{
	_exit(number(command, 1));
}

static void run(struct command *command)
{
	static const struct {
		const char *name;
		void (*run)(const struct command *command);
	} commands[] = {
		{ "accept", name_call },       { "accept4", name_call },
		{ "getpeername", name_call },  { "getproxy", name_call },
		{ "getsockname", name_call },  { "header", get_header },
		{ "recv", receive },	       { "getsockopt", get_option },
		{ "thread", start_thread },    { "join", end_thread },
		{ "cancel", end_thread },      { "fork", fork_child },
		{ "rawfork", fork_child },     { "exit", end_process },
	};
	bool known = true;
	long result;

	for (size_t i = 0; i < sizeof(commands) / sizeof(*commands); i++)
		if (strcmp(command->word[0], commands[i].name) == 0)
			return commands[i].run(command);
	errno = KEPT;
	result = plain_call(command, &known);
	answer(command->word[0], result, errno, known ? "" : "unknown");
}

static void on_signal(int signal)
{
	int error = errno;

	answer("signal", signal, 0, "");
	errno = error;
}

/* A line, byte by byte: what is read ahead a forked child would miss. */
static bool read_line(int input, char *text, size_t size)
{
	size_t at = 0;
	ssize_t got;

	do {
		got = read(input, text + at, 1);
		if (got < 0 && errno == EINTR)
			continue;
		if (got <= 0)
			return false;
	} while (text[at] != '\n' && ++at < size - 1);
	text[at] = '\0';
	return true;
}

int main(void)
{
	struct sigaction action = { .sa_handler = on_signal };
	static struct command command;
	/* elsewhere, so that 0 can be closed */
	int input = dup(STDIN_FILENO);

	sigaction(SIGUSR1, &action, NULL);
	action.sa_flags = SA_RESTART;
	sigaction(SIGUSR2, &action, NULL);
	while (read_line(input, command.text, sizeof(command.text))) {
		split(&command);
		run(&command);
	}
	return 0;
}
