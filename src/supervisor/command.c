/* SPDX-License-Identifier: ISC */
/* Starting the command under its filter; see command.h. */
#include <config.h>

#include "supervisor/command.h"

#include "connection/report.h"
#include "supervisor/filter.h"
#include "supervisor/memory.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

static const char who[] = "proxyproto";

/* What is read from the child's memory, to see whether that is allowed. */
static const uint64_t mark = 0x70726f7879;

/*
 * What names the process that the caller knows by its number is to name the
 * command: sd_listen_fds(3), sd_watchdog_enabled(3).
 */
static void rename_process(const struct pp_run *command, const char *name)
{
	const char *value = getenv(name);
	char number[16];

	if (value == NULL || (pid_t)atoi(value) != command->front)
		return;
	snprintf(number, sizeof(number), "%d", (int)getpid());
	setenv(name, number, 1);
}

static _Noreturn void execute(const struct pp_run *command)
{
	int error;

	rename_process(command, "LISTEN_PID");
	rename_process(command, "WATCHDOG_PID");
	unsetenv("LISTEN_PIDFDID");
	if (command->ignores_children)
		signal(SIGCHLD, SIG_IGN);
	sigprocmask(SIG_SETMASK, &command->mask, NULL);
	execvp(command->argv[0], command->argv);
	error = errno;
	pp_report(who, "%s: %s", command->argv[0], strerror(error));
	_exit(error == ENOENT ? 127 : 126);
}

/* The child. The supervisor's death, at whatever moment, is its own. */
static _Noreturn void prepare(const struct pp_run *command, int gate,
			      pid_t supervisor)
{
	int fd;
	char byte;

	prctl(PR_SET_PDEATHSIG, SIGKILL);
	if (getppid() != supervisor)
		_exit(PP_SUPERVISE_FAILED);
	fd = pp_filter_set(command->how->connect);
	if (send(gate, &fd, sizeof(fd), 0) != sizeof(fd) || fd < 0 ||
	    recv(gate, &byte, 1, 0) != 1)
		_exit(PP_SUPERVISE_FAILED);
	execute(command);
}

static void report_filter(int error)
{
	switch (error) {
	case EBUSY:
		pp_report(who, "cannot supervise: something else, such as a "
			       "container runtime, gets seccomp notifications "
			       "of this process already");
		break;
	case ENOSYS:
	case EINVAL:
		pp_report(who, "cannot supervise: the kernel, or a sandbox, "
			       "has no seccomp notifications: Linux 5.14 is "
			       "needed");
		break;
	default:
		pp_report(who, "cannot supervise: no seccomp filter: %s",
			  strerror(error));
	}
}

static void report_look(int error)
{
	if (error == EPERM || error == EACCES)
		pp_report(who,
			  "cannot supervise: it is not allowed to look into a "
			  "child: in a container CAP_SYS_PTRACE allows it "
			  "(docker run --cap-add SYS_PTRACE), elsewhere "
			  "kernel.yama.ptrace_scope of 0 or 1");
	else
		pp_report(who,
			  "cannot supervise: pidfd_getfd, process_vm_readv: "
			  "%s: Linux 5.14 is needed",
			  strerror(error));
}

/* May we read the child's memory, and take a descriptor of it? Or 0. */
static int look_into(pid_t child, int fd)
{
	int pidfd = (int)syscall(SYS_pidfd_open, child, 0);
	uint64_t read = 0;
	int taken = -1;

	if (pidfd >= 0)
		taken = (int)syscall(SYS_pidfd_getfd, pidfd, fd, 0);
	if (taken >= 0 &&
	    !pp_memory_read(child, (uintptr_t)&mark, &read, sizeof(read))) {
		close(taken);
		taken = -1;
	}
	if (taken < 0)
		report_look(errno);
	if (pidfd >= 0)
		close(pidfd);
	return taken < 0 ? 0 : taken;
}

/* Does /proc have the processes by the numbers that we have them by? */
static bool check_proc(void)
{
	char number[16] = "";

	if (readlink("/proc/self", number, sizeof(number) - 1) > 0 &&
	    (pid_t)atoi(number) == getpid())
		return true;
	pp_report(who, "cannot supervise: /proc is not mounted, or is that of "
		       "another process namespace (unshare --mount-proc)");
	return false;
}

/* Can a descriptor be given as an answer (Linux 5.14)? */
static bool can_answer(int notifications)
{
	struct seccomp_notif_addfd nobody = {
		.id = 0, .flags = SECCOMP_ADDFD_FLAG_SEND, .srcfd = 0
	};

	if (ioctl(notifications, SECCOMP_IOCTL_NOTIF_ADDFD, &nobody) != 0 &&
	    errno != EINVAL)
		return true;
	pp_report(who, "cannot supervise: Linux 5.14 is needed");
	return false;
}

static bool take_notifications(pid_t child, int gate, int *notifications)
{
	int fd = -EIO;

	if (recv(gate, &fd, sizeof(fd), 0) != sizeof(fd) || fd < 0) {
		report_filter(-fd);
		return false;
	}
	*notifications = look_into(child, fd);
	return *notifications > 0 && can_answer(*notifications);
}

pid_t pp_command_start(const struct pp_run *command, int *notifications,
		       int *gate)
{
	pid_t supervisor = getpid(), child;
	int ends[2];

	if (!check_proc())
		return 0;
	if (socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, ends) != 0 ||
	    (child = fork()) < 0) {
		pp_report(who, "cannot supervise: %s", strerror(errno));
		return 0;
	}
	if (child == 0) {
		close(ends[0]);
		prepare(command, ends[1], supervisor);
	}
	close(ends[1]);
	*gate = ends[0];
	if (take_notifications(child, ends[0], notifications))
		return child;
	close(ends[0]);
	kill(child, SIGKILL);
	waitpid(child, NULL, 0);
	return 0;
}

void pp_command_leave_descriptors(void)
{
	DIR *folder = opendir("/proc/self/fd");
	struct dirent *entry;

	if (folder == NULL)
		return;
	while ((entry = readdir(folder)) != NULL) {
		int fd = atoi(entry->d_name);
		int flags = fcntl(fd, F_GETFD);

		/* all of ours are close-on-exec */
		if (fd > STDERR_FILENO && flags >= 0 && !(flags & FD_CLOEXEC))
			close(fd);
	}
	closedir(folder);
}

void pp_command_release(int gate)
{
	send(gate, "", 1, MSG_NOSIGNAL);
	close(gate);
}
