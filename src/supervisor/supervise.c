/* SPDX-License-Identifier: ISC */
/* The process that the caller knows; see supervise.h. */
#include <config.h>

#include "supervisor/supervise.h"

#include "connection/report.h"
#include "supervisor/guardian.h"
#include "supervisor/supervisor.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/signalfd.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

static const char who[] = "proxyproto";

struct front {
	pid_t guardian;		/* the supervisor's parent */
	int channel, signals;
	pid_t command;		/* 0: not started yet */
	int pidfd;		/* the command's */
};

/* Is the process one of those that the supervisor watches? */
static bool is_watched(const struct front *front, pid_t pid)
{
	while (pid > 1 && pid != front->guardian)
		pid = pp_guardian_parent_of(pid);
	return pid > 0 && pid == front->guardian;
}

/*
 * Is a signal of the kernel's for us alone? What the terminal sends has gone to
 * the command, too; but that it has hung up is told to a session's first
 * process only. An alarm may have been set before we were executed.
 */
static bool is_ours_of_kernel(uint32_t number)
{
	return number == SIGALRM || (number == SIGHUP && getsid(0) == getpid());
}

/* The same of any: what a process of the command sent has gone to its group. */
static bool is_to_be_sent(const struct front *front,
			  const struct signalfd_siginfo *info)
{
	if (info->ssi_signo == SIGCONT)
		return true;
	if (info->ssi_code > 0)
		return is_ours_of_kernel(info->ssi_signo);
	return !is_watched(front, (pid_t)info->ssi_pid);
}

/* Of process 1 any; of others those from before it executed this. */
static void reap_children(void)
{
	while (waitpid(-1, NULL, WNOHANG) > 0)
		;
}

static void signal_arrived(const struct front *front)
{
	struct signalfd_siginfo info;

	if (read(front->signals, &info, sizeof(info)) != sizeof(info))
		return;
	if (info.ssi_signo == SIGCHLD) {
		/* the channel tells of the supervisor */
		reap_children();
		return;
	}
	if (is_to_be_sent(front, &info))
		syscall(SYS_pidfd_send_signal, front->pidfd,
			(int)info.ssi_signo, NULL, 0);
}

/* Has the signal do to us what it does by default. */
static void suffer(int number)
{
	sigset_t set;

	signal(number, SIG_DFL);
	sigemptyset(&set);
	sigaddset(&set, number);
	raise(number);
	sigprocmask(SIG_UNBLOCK, &set, NULL);
	sigprocmask(SIG_BLOCK, &set, NULL);
}

/* Ends as the command has. The first process of a machine can only say so. */
static int end_as(int status)
{
	const struct rlimit none = { 0, 0 };

	if (!WIFSIGNALED(status))
		return WEXITSTATUS(status);
	setrlimit(RLIMIT_CORE, &none);
	suffer(WTERMSIG(status));
	return 128 + WTERMSIG(status);
}

/*
 * The supervisor was killed: its guardian ends what it watched. Where that was
 * killed, too, we do, as it is ours then.
 */
static int end_all(const struct front *front)
{
	int status;

	pp_report(who, "the supervisor has ended: so does the command");
	if (waitpid(front->guardian, &status, 0) < 0 || WIFSIGNALED(status))
		pp_guardian_end_children();
	return PP_SUPERVISE_FAILED;
}

/* Takes news. True where it is the last; *status is ours then. */
static bool news_arrived(struct front *front, int *status)
{
	struct pp_news news;

	if (recv(front->channel, &news, sizeof(news), 0) != sizeof(news)) {
		*status = end_all(front);
		return true;
	}
	switch (news.kind) {
	case PP_NEWS_STARTED:
		front->command = (pid_t)news.value;
		front->pidfd =
			(int)syscall(SYS_pidfd_open, front->command, 0);
		return false;
	case PP_NEWS_STOPPED:
		suffer(news.value);
		return false;
	case PP_NEWS_FAILED:
		waitpid(front->guardian, NULL, 0);
		*status = PP_SUPERVISE_FAILED;
		return true;
	case PP_NEWS_ALL_ENDED:
		waitpid(front->guardian, NULL, 0);
		break;
	case PP_NEWS_ENDED:
		break;
	}
	*status = end_as(news.value);
	return true;
}

static int run_front(struct front *front)
{
	struct pollfd here[2] = {
		{ .fd = front->channel, .events = POLLIN },
		{ .fd = -1, .events = POLLIN },
	};
	int status = PP_SUPERVISE_FAILED;

	for (;;) {
		if (poll(here, 2, -1) < 0)
			continue;
		if (here[0].revents != 0 && news_arrived(front, &status))
			return status;
		if (here[1].revents != 0)
			signal_arrived(front);
		/* signals wait until there is somebody to send them to */
		if (front->command != 0)
			here[1].fd = front->signals;
	}
}

static int fail(void)
{
	pp_report(who, "cannot supervise: %s", strerror(errno));
	return PP_SUPERVISE_FAILED;
}

/*
 * Where the caller has closed standard input or the like, none of our
 * descriptors is to have its number. The command finds it closed.
 */
static void occupy_standard(void)
{
	int fd;

	do
		fd = open("/dev/null", O_RDWR | O_CLOEXEC);
	while (fd >= 0 && fd <= STDERR_FILENO);
	if (fd >= 0)
		close(fd);
}

int pp_supervise(char *const argv[], const struct pp_supervise *how)
{
	struct pp_run command = { .argv = argv, .how = how };
	struct front front = { .command = 0 };
	struct sigaction children;
	sigset_t all;
	int ends[2];

	occupy_standard();
	pp_report_begin();
	command.front = getpid();
	sigaction(SIGCHLD, NULL, &children);
	command.ignores_children = children.sa_handler == SIG_IGN;
	signal(SIGCHLD, SIG_DFL);
	sigfillset(&all);
	sigprocmask(SIG_SETMASK, &all, &command.mask);
	/* who has ended already sends no signal any more */
	reap_children();
	prctl(PR_SET_CHILD_SUBREAPER, 1);
	front.signals = signalfd(-1, &all, SFD_CLOEXEC);
	if (front.signals < 0 ||
	    socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, ends) != 0)
		return fail();
	front.guardian = fork();
	if (front.guardian < 0)
		return fail();
	if (front.guardian == 0) {
		close(ends[0]);
		close(front.signals);
		pp_guardian_run(&command, ends[1]);
	}
	close(ends[1]);
	pp_command_leave_descriptors();
	front.channel = ends[0];
	return run_front(&front);
}
