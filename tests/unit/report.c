/* SPDX-License-Identifier: ISC */
/* One line on stderr, and nothing else that anybody could notice. */
#include <config.h>

#include "connection/report.h"

#include "suites.h"
#include "support.h"

#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <signal.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

static int stderr_before;

/* Puts a descriptor in the place of stderr, -1 for none at all. */
static void replace_stderr(int fd)
{
	stderr_before = fcntl(STDERR_FILENO, F_DUPFD_CLOEXEC, 10);
	ck_assert_int_ge(stderr_before, 10);
	if (fd >= 0)
		ck_assert_int_eq(dup2(fd, STDERR_FILENO), STDERR_FILENO);
	else
		close(STDERR_FILENO);
	pp_report_begin();
}

static void restore_stderr(void)
{
	dup2(stderr_before, STDERR_FILENO);
	close(stderr_before);
	pp_report_begin();
}

/* What one call wrote with its first write(2), and whether there was more. */
struct written {
	char text[2048];
	size_t size;
	bool more;
};

/* Each write(2) to this socket is a message of its own. */
static void begin_capture(int fds[2])
{
	ck_assert_int_eq(socketpair(AF_UNIX, SOCK_SEQPACKET, 0, fds), 0);
	replace_stderr(fds[1]);
}

static void end_capture(int fds[2], struct written *written)
{
	ssize_t got;
	char byte;

	restore_stderr();
	got = real_recv(fds[0], written->text, sizeof(written->text) - 1,
			MSG_DONTWAIT);
	ck_assert_int_gt(got, 0);
	written->size = (size_t)got;
	written->text[got] = '\0';
	written->more = real_recv(fds[0], &byte, 1, MSG_DONTWAIT) > 0;
	close(fds[0]);
	close(fds[1]);
}

SUITE("log");

TEST(one_line_with_one_write)
{
	static struct written written;
	int fds[2];

	begin_capture(fds);
	pp_report("libproxyproto", "accept: fd %d: %s", 4, "no header");
	end_capture(fds, &written);
	ck_assert_str_eq(written.text, "libproxyproto: accept: fd 4: no header\n");
	ck_assert(!written.more);
}

/* At every length around the limit: a line end, and the text up to there. */
TEST(a_long_line_is_cut)
{
	static char text[1001];
	static struct written written;
	int fds[2];

	for (size_t length = 480; length < sizeof(text); length++) {
		memset(text, 'x', length);
		text[length] = '\0';
		begin_capture(fds);
		pp_report("who", "%s", text);
		end_capture(fds, &written);
		ck_assert(!written.more);
		ck_assert_uint_le(written.size, 512);
		ck_assert_uint_ge(written.size, length < 500 ? length + 6 : 506);
		ck_assert_int_eq(written.text[written.size - 1], '\n');
		ck_assert_int_eq(strncmp(written.text, "who: ", 5), 0);
		ck_assert_mem_eq(written.text + 5, text, written.size - 6);
	}
}

TEST(a_long_name_is_cut_too)
{
	static char name[1001];
	static struct written written;
	int fds[2];

	memset(name, 'n', sizeof(name) - 1);
	begin_capture(fds);
	pp_report(name, "%s", "text");
	end_capture(fds, &written);
	ck_assert_uint_le(written.size, 512);
	ck_assert_int_eq(written.text[written.size - 1], '\n');
	ck_assert(!written.more);
}

TEST(errno_is_kept)
{
	static struct written written;
	int fds[2];

	begin_capture(fds);
	errno = EXDEV;
	pp_report("who", "text");
	ck_assert_int_eq(errno, EXDEV);
	end_capture(fds, &written);
}

TEST(errno_is_kept_where_stderr_is_closed)
{
	int error;

	replace_stderr(-1);
	errno = EXDEV;
	pp_report("who", "text");
	error = errno;
	restore_stderr();
	ck_assert_int_eq(error, EXDEV);
}

/* A stderr that is a pipe without a reader. */
static void break_stderr(void)
{
	int fds[2];

	ck_assert_int_eq(pipe(fds), 0);
	replace_stderr(fds[1]);
	close(fds[0]);
	close(fds[1]);
}

static int log_to_broken_pipe(void)
{
	signal(SIGPIPE, SIG_DFL);
	break_stderr();
	errno = EXDEV;
	pp_report("who", "text");
	return errno == EXDEV ? 7 : 8;
}

TEST(a_broken_pipe_ends_nobody)
{
	const int status = in_child(log_to_broken_pipe);

	ck_assert(WIFEXITED(status));
	ck_assert_int_eq(WEXITSTATUS(status), 7);
}

static volatile sig_atomic_t caught;

static void catch(int number)
{
	(void)number;
	caught++;
}

TEST(a_broken_pipe_calls_no_handler)
{
	struct sigaction action = { .sa_handler = catch }, before;
	sigset_t mask;

	sigaction(SIGPIPE, &action, &before);
	break_stderr();
	pp_report("who", "text");
	restore_stderr();
	ck_assert_int_eq(caught, 0);
	/* and leaves the mask as it was */
	pthread_sigmask(SIG_SETMASK, NULL, &mask);
	ck_assert_int_eq(sigismember(&mask, SIGPIPE), 0);
	sigaction(SIGPIPE, &before, NULL);
}

static bool sigpipe_is_pending(void)
{
	sigset_t pending;

	sigpending(&pending);
	return sigismember(&pending, SIGPIPE);
}

/* A SIGPIPE that the program itself waits for is not taken from it. */
TEST(a_pending_sigpipe_stays_pending)
{
	const struct timespec now = { 0, 0 };
	sigset_t set, before;

	sigemptyset(&set);
	sigaddset(&set, SIGPIPE);
	pthread_sigmask(SIG_BLOCK, &set, &before);
	break_stderr();
	pp_report("who", "text");
	ck_assert(!sigpipe_is_pending());
	raise(SIGPIPE);
	pp_report("who", "text");
	ck_assert(sigpipe_is_pending());
	restore_stderr();
	ck_assert_int_eq(sigtimedwait(&set, NULL, &now), SIGPIPE);
	/* still blocked, as the program has it */
	pthread_sigmask(SIG_SETMASK, &before, &set);
	ck_assert_int_eq(sigismember(&set, SIGPIPE), 1);
}

static bool went_on;

static void *log_when_cancelled(void *unused)
{
	pthread_cancel(pthread_self());
	pp_report("who", "text");
	went_on = true;
	pthread_testcancel();
	return unused;
}

TEST(it_is_no_cancellation_point)
{
	static struct written written;
	pthread_t thread;
	void *result;
	int fds[2];

	went_on = false;
	begin_capture(fds);
	ck_assert_int_eq(pthread_create(&thread, NULL, log_when_cancelled,
					NULL), 0);
	ck_assert_int_eq(pthread_join(thread, &result), 0);
	end_capture(fds, &written);
	ck_assert(went_on);
	ck_assert_ptr_eq(result, PTHREAD_CANCELED);
	ck_assert_str_eq(written.text, "who: text\n");
}

/* What has the descriptor now is a file of the program's. */
TEST(nothing_goes_into_what_stderr_has_become)
{
	static struct written written;
	int fds[2], others[2], stderr_as_it_was;
	char byte;

	ck_assert_int_eq(socketpair(AF_UNIX, SOCK_SEQPACKET, 0, others), 0);
	begin_capture(fds);
	stderr_as_it_was = fcntl(STDERR_FILENO, F_DUPFD_CLOEXEC, 10);
	dup2(others[1], STDERR_FILENO);
	pp_report("who", "not here");
	close(STDERR_FILENO);
	errno = EXDEV;
	pp_report("who", "nor here");
	ck_assert_int_eq(errno, EXDEV);
	dup2(stderr_as_it_was, STDERR_FILENO);
	pp_report("who", "here");
	end_capture(fds, &written);
	ck_assert_str_eq(written.text, "who: here\n");
	ck_assert(!written.more);
	ck_assert_int_eq(real_recv(others[0], &byte, 1, MSG_DONTWAIT), -1);
	close(stderr_as_it_was);
	close(others[0]);
	close(others[1]);
}

TEST(an_end_to_it)
{
	int fds[2];
	char byte;

	begin_capture(fds);
	pp_report_end();
	pp_report("who", "text");
	restore_stderr();
	ck_assert_int_eq(real_recv(fds[0], &byte, 1, MSG_DONTWAIT), -1);
	close(fds[0]);
	close(fds[1]);
}
