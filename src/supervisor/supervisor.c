/* SPDX-License-Identifier: ISC */
/* The supervisor's life; see supervisor.h. */
#include <config.h>

#include "supervisor/supervisor.h"

#include "connection/calls.h"
#include "connection/report.h"
#include "supervisor/guardian.h"
#include "supervisor/held_connections.h"
#include "supervisor/kernel_accept.h"
#include "supervisor/loop.h"
#include "supervisor/notifications.h"
#include "supervisor/pending_calls.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/signalfd.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

/* What connection/ calls: nothing is hooked here. */
const struct pp_calls pp_calls = {
	.close = close,
	.connect = connect,
	.epoll_create1 = epoll_create1,
	.epoll_ctl = epoll_ctl,
	.epoll_wait = epoll_wait,
	.getpeername = getpeername,
	.getsockname = getsockname,
	.getsockopt = getsockopt,
	.ppoll = ppoll,
	.recv = recv,
};

static int front;	/* the channel to it, or -1 */
static int children;	/* where signals about them arrive */
static pid_t command_pid;	/* 0: it has ended */
static bool is_debugging;

static void send_news(enum pp_news_kind kind, int value)
{
	const struct pp_news news = { kind, value };

	if (front >= 0)
		send(front, &news, sizeof(news), MSG_NOSIGNAL);
}

static void put_nothing_on(int fd)
{
	int nothing = open("/dev/null", O_RDWR | O_CLOEXEC);

	if (nothing < 0)
		return;
	dup2(nothing, fd);
	close(nothing);
}

static void leave_front(void)
{
	pp_loop_remove(front);
	close(front);
	front = -1;
}

/* The command has ended, and processes that it left go on: so do we. */
static void go_into_background(int status)
{
	send_news(PP_NEWS_ENDED, status);
	leave_front();
	setsid();
	if (chdir("/") == 0 && !is_debugging)
		put_nothing_on(STDERR_FILENO);
}

static void command_ended(int status)
{
	command_pid = 0;
	if (front < 0)
		return;
	if (!pp_notifications_are_over()) {
		go_into_background(status);
		return;
	}
	send_news(PP_NEWS_ALL_ENDED, status);
	_exit(0);
}

/* Children that have ended, the command and orphans; and its being stopped. */
static void child_changed(struct pp_event *event, uint32_t events)
{
	struct signalfd_siginfo info;
	int status;
	pid_t pid;

	(void)events;
	(void)event;
	if (read(children, &info, sizeof(info)) < 0)
		return;
	while ((pid = waitpid(-1, &status, WNOHANG | WUNTRACED)) > 0) {
		if (pid != command_pid)
			continue;
		if (WIFSTOPPED(status))
			send_news(PP_NEWS_STOPPED, WSTOPSIG(status));
		else
			command_ended(status);
	}
}

/* The front process was killed: so would the command have been. */
static void front_ended(struct pp_event *event, uint32_t events)
{
	(void)event;
	(void)events;
	leave_front();
	if (command_pid > 0)
		kill(command_pid, SIGKILL);
}

/*
 * Of descriptors we may have as many as the kernel allows; a quarter is for all
 * but connections that wait: two of a process, one of a listener.
 */
static void raise_limit(void)
{
	struct rlimit limit;

	if (getrlimit(RLIMIT_NOFILE, &limit) != 0)
		return;
	limit.rlim_cur = limit.rlim_max;
	setrlimit(RLIMIT_NOFILE, &limit);
	pp_waiting_begin((size_t)(limit.rlim_cur / 4 * 3));
}

/* Nobody would end what we watch if we died, too. */
static void guardian_ended(struct pp_event *event, uint32_t events)
{
	(void)event;
	(void)events;
	pp_guardian_end_children();
	_exit(PP_SUPERVISE_FAILED);
}

static bool watch_guardian(pid_t guardian)
{
	static struct pp_event ended = { guardian_ended };
	int pidfd = (int)syscall(SYS_pidfd_open, guardian, 0);

	return pidfd >= 0 && pp_loop_add(pidfd, EPOLLIN, &ended);
}

static bool begin_loop(int notifications, pid_t guardian)
{
	static struct pp_event changed = { child_changed };
	static struct pp_event ended = { front_ended };
	sigset_t set;

	sigemptyset(&set);
	sigaddset(&set, SIGCHLD);
	children = signalfd(-1, &set, SFD_CLOEXEC | SFD_NONBLOCK);
	pp_tracee_ends = pp_pending_are_over;
	return children >= 0 && pp_loop_begin() && pp_kernel_accept_begin() &&
	       pp_notifications_begin(notifications) &&
	       watch_guardian(guardian) &&
	       pp_loop_add(children, EPOLLIN, &changed) &&
	       pp_loop_add(front, EPOLLIN | EPOLLRDHUP, &ended);
}

_Noreturn void pp_supervisor_run(const struct pp_run *command, pid_t guardian,
				 int channel)
{
	struct pp_rules *rules;
	int notifications, gate;

	front = channel;
	prctl(PR_SET_CHILD_SUBREAPER, 1);
	command_pid = pp_command_start(command, &notifications, &gate);
	if (command_pid > 0 && !begin_loop(notifications, guardian)) {
		pp_report("proxyproto", "cannot supervise: %s",
			  strerror(errno));
		kill(command_pid, SIGKILL);
		command_pid = 0;
	}
	if (command_pid <= 0) {
		send_news(PP_NEWS_FAILED, 0);
		_exit(PP_SUPERVISE_FAILED);
	}
	pp_rules_begin(environ, command->how->connect ? pp_client_settings
						      : pp_server_settings);
	rules = pp_rules_of(getpid());
	is_debugging = rules != NULL && rules->settings.debug;
	pp_command_leave_descriptors();
	put_nothing_on(STDIN_FILENO);
	put_nothing_on(STDOUT_FILENO);
	raise_limit();
	send_news(PP_NEWS_STARTED, command_pid);
	pp_command_release(gate);
	while (command_pid > 0 || !pp_notifications_are_over())
		pp_loop_step();
	_exit(0);
}
