/* SPDX-License-Identifier: ISC */
/*
 * A program that makes the calls it is told to, for tests to run with and
 * without the libraries and compare. Reads a command a line from stdin and
 * answers each with a line: the name of the call, its result, and errno, which
 * was KEPT before. Addresses and bytes are in hexadecimal. See
 * tests/fixture/calls.py, which speaks to it.
 */
#define _GNU_SOURCE
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
	int fd = number(command, 1), result;
	char text[32];
	int state;

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
	if (strcmp(name, "accept") == 0)
		result = accept(fd, address, length_at);
	else if (strcmp(name, "accept4") == 0)
		result = accept4(fd, address, length_at, number(command, 3));
	else if (strcmp(name, "getpeername") == 0)
		result = getpeername(fd, address, length_at);
	else if (strcmp(name, "getproxy") == 0)
		result = proxyproto_get_proxy(fd, address, length_at);
	else
		result = getsockname(fd, address, length_at);
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

/* A message with one descriptor. */
struct passing {
	struct iovec vector;
	char byte;
	struct mmsghdr messages[2];
	/* has no end of its own, and is last */
	union {
		struct cmsghdr header;
		char bytes[CMSG_SPACE(sizeof(int))];
	} control;
};

static struct msghdr *prepare(struct passing *passing)
{
	struct msghdr *message = &passing->messages[0].msg_hdr;

	memset(passing, 0, sizeof(*passing));
	passing->vector = (struct iovec){ .iov_base = &passing->byte,
					  .iov_len = 1 };
	message->msg_iov = &passing->vector;
	message->msg_iovlen = 1;
	message->msg_control = &passing->control;
	message->msg_controllen = sizeof(passing->control);
	/* the second is the same, so that it can be the one that has it */
	passing->messages[1] = passing->messages[0];
	return message;
}

/* pass, passmany or rawpass SOCKET FD [LENGTH [TYPE]], those of the control message */
static long pass(const struct command *command)
{
	struct passing passing;
	struct msghdr *message = prepare(&passing);
	struct cmsghdr *header = &passing.control.header;
	int fd = number(command, 2), to = number(command, 1);

	header->cmsg_level = SOL_SOCKET;
	header->cmsg_type = command->word[4] == NULL ? SCM_RIGHTS
						     : number(command, 4);
	header->cmsg_len = command->word[3] == NULL
				   ? CMSG_LEN(sizeof(fd))
				   : (size_t)strtoull(command->word[3], NULL,
						      0);
	memcpy(CMSG_DATA(header), &fd, sizeof(fd));
	if (strcmp(command->word[0], "pass") == 0)
		return sendmsg(to, message, MSG_DONTWAIT);
	if (strcmp(command->word[0], "rawpass") == 0)
		return syscall(SYS_sendmsg, to, message, MSG_DONTWAIT);
	/* without room behind the descriptor, which is common, too */
	passing.messages[1].msg_hdr.msg_controllen = CMSG_LEN(sizeof(fd));
	message->msg_control = NULL;
	message->msg_controllen = 0;
	return sendmmsg(to, passing.messages, 2, MSG_DONTWAIT);
}

/* take, takemany or rawtake SOCKET; the descriptor that was passed */
static long take(const struct command *command)
{
	struct passing passing;
	struct msghdr *message = prepare(&passing);
	int fd = -1, from = number(command, 1);
	long got;

	if (strcmp(command->word[0], "takemany") == 0)
		got = recvmmsg(from, passing.messages, 1, MSG_DONTWAIT, NULL);
	else if (strcmp(command->word[0], "rawtake") == 0)
		got = syscall(SYS_recvmsg, from, message, MSG_DONTWAIT);
	else
		got = recvmsg(from, message, MSG_DONTWAIT);
	/* the first of two that were passed has none */
	if (got == 1 && message->msg_controllen == 0) {
		message->msg_controllen = sizeof(passing.control);
		got = recvmsg(from, message, MSG_DONTWAIT);
	}
	if (got == 1 && message->msg_controllen > 0)
		memcpy(&fd, CMSG_DATA(&passing.control.header), sizeof(fd));
	return fd;
}

/* not in every C library */
int pidfd_getfd(int process, int fd, unsigned flags) __attribute__((weak));

/* getfd FD: a duplicate, as from another process */
static long get_own(int fd)
{
	int self = (int)syscall(SYS_pidfd_open, getpid(), 0);
	/* the lowest number is for the duplicate */
	int far = fcntl(self, F_DUPFD, 500);
	long got;

	close(self);
	got = pidfd_getfd == NULL ? -2 : pidfd_getfd(far, fd, 0);
	close(far);
	return got;
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
	const char *name = command->word[0];
	int a = number(command, 1), b = number(command, 2),
	    c = number(command, 3);

	if (strcmp(name, "dup") == 0)
		return dup(a);
	if (strcmp(name, "dup2") == 0)
		return dup2(a, b);
	if (strcmp(name, "dup3") == 0)
		return dup3(a, b, c);
	if (strcmp(name, "rawdup") == 0)
		return syscall(SYS_dup3, a, b, 0);
	if (strcmp(name, "pass") == 0 || strcmp(name, "passmany") == 0 ||
	    strcmp(name, "rawpass") == 0)
		return pass(command);
	if (strcmp(name, "take") == 0 || strcmp(name, "takemany") == 0 ||
	    strcmp(name, "rawtake") == 0)
		return take(command);
	if (strcmp(name, "getfd") == 0)
		return get_own(a);
	/* exec [FILE]: the next command is for the program that is executed */
	if (strcmp(name, "exec") == 0)
		return execl(command->word[1] == NULL ? "/proc/self/exe"
						      : command->word[1],
			     "calls", (char *)NULL);
	if (strcmp(name, "rawexec") == 0)
		return raw_exec();
	if (strcmp(name, "keepheaders") == 0)
		return proxyproto_keep_headers();
	if (strcmp(name, "setuid") == 0)
		return setgid((gid_t)a) == 0 ? setuid((uid_t)a) : -1;
	*known = false;
	return -1;
}

/* The calls that answer with their result alone. */
static long plain_call(const struct command *command, bool *known)
{
	const char *name = command->word[0];
	int a = number(command, 1), b = number(command, 2),
	    c = number(command, 3);
	unsigned char bytes[BUFFER];
	struct pollfd poll_fd = { .fd = a, .events = (short)b };

	if (strcmp(name, "socket") == 0)
		return socket(a, b, c);
	if (strcmp(name, "bind") == 0)
		return bind(a, (struct sockaddr *)bytes,
			    (socklen_t)from_hex(command->word[2], bytes));
	if (strcmp(name, "connect") == 0)
		return connect_call(command);
	if (strcmp(name, "listen") == 0)
		return listen(a, b);
	if (strcmp(name, "setsockopt") == 0)
		return setsockopt(a, b, c, bytes,
				  (socklen_t)from_hex(command->word[4], bytes));
	if (strcmp(name, "send") == 0)
		return send(a, bytes, from_hex(command->word[2], bytes),
			    MSG_NOSIGNAL);
	if (strcmp(name, "fcntl") == 0)
		return fcntl(a, b, c);
	if (strcmp(name, "poll") == 0)
		return poll(&poll_fd, 1, c);
	if (strcmp(name, "close") == 0)
		return close(a);
	if (strcmp(name, "fclose") == 0)
		return fclose(fdopen(a, "r+"));
	if (strcmp(name, "close_range") == 0)
		return syscall(SYS_close_range, (unsigned)a, (unsigned)b, 0);
	if (strcmp(name, "rawclose") == 0)
		return syscall(SYS_close, a);
	if (strcmp(name, "rawaccept") == 0)
		return syscall(SYS_accept4, a, NULL, NULL, 0);
	if (strcmp(name, "rawlisten") == 0)
		return syscall(SYS_listen, a, b);
	if (strcmp(name, "ignore") == 0)
		return signal(number(command, 1), SIG_IGN) == SIG_ERR ? -1 : 0;
	if (strcmp(name, "chroot") == 0)
		return chroot(command->word[1]);
	if (strcmp(name, "fill") == 0)
		return fill(a);
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

static void end_thread(bool cancel)
{
	void *result = NULL;

	if (cancel)
		pthread_cancel(thread);
	pthread_join(thread, &result);
	answer(cancel ? "cancel" : "join", result == PTHREAD_CANCELED, 0, "");
}

/*
 * fork, or rawfork by a call that no library can see: the child takes the
 * commands, up to exit; then the parent goes on.
 */
static void fork_child(const char *how)
{
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

static void run(struct command *command)
{
	const char *name = command->word[0];
	bool known = true;
	long result;

	if (strcmp(name, "accept") == 0 || strcmp(name, "accept4") == 0 ||
	    strcmp(name, "getpeername") == 0 ||
	    strcmp(name, "getproxy") == 0 ||
	    strcmp(name, "getsockname") == 0) {
		name_call(command);
	} else if (strcmp(name, "header") == 0) {
		get_header(command);
	} else if (strcmp(name, "recv") == 0) {
		receive(command);
	} else if (strcmp(name, "getsockopt") == 0) {
		get_option(command);
	} else if (strcmp(name, "thread") == 0) {
		start_thread(command);
	} else if (strcmp(name, "join") == 0 || strcmp(name, "cancel") == 0) {
		end_thread(strcmp(name, "cancel") == 0);
	} else if (strcmp(name, "fork") == 0 ||
		   strcmp(name, "rawfork") == 0) {
		fork_child(name);
	} else if (strcmp(name, "exit") == 0) {
		_exit(number(command, 1));
	} else {
		errno = KEPT;
		result = plain_call(command, &known);
		answer(name, result, errno, known ? "" : "unknown");
	}
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
