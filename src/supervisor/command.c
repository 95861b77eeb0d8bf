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
#include <sys/utsname.h>
#include <sys/wait.h>
#include <unistd.h>

static const char who[] = "proxyproto";

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

/* The kernel is too old, or a sandbox has it look so. */
static void report_missing(const char *what, int error)
{
	struct utsname kernel;

	uname(&kernel);
	pp_report(who, "cannot supervise: %s: %s: Linux 5.14 is needed, without "
		       "a sandbox that forbids this; here is Linux %s",
		  what, strerror(error), kernel.release);
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
		report_missing("seccomp notifications", error);
		break;
	default:
		pp_report(who, "cannot supervise: no seccomp filter: %s",
			  strerror(error));
	}
}

/* What Yama says of who may look into whom; 0 where there is none. */
static int read_yama(void)
{
	FILE *file = fopen("/proc/sys/kernel/yama/ptrace_scope", "re");
	int scope = 0;

	if (file == NULL)
		return 0;
	if (fscanf(file, "%d", &scope) != 1)
		scope = 0;
	fclose(file);
	return scope;
}

/* A call failed that looks into the child. */
static void report_look(const char *call, int error)
{
	int scope = read_yama();

	if (error != EPERM && error != EACCES)
		report_missing(call, error);
	else if (scope > 1)
		pp_report(who,
			  "cannot supervise: %s: %s: "
			  "kernel.yama.ptrace_scope is %d: 0 or 1 allows it%s",
			  call, strerror(error), scope,
			  scope == 2 ? ", or CAP_SYS_PTRACE" : "");
	else
		pp_report(who,
			  "cannot supervise: %s: %s: it is not allowed to look "
			  "into a child: in a container CAP_SYS_PTRACE allows "
			  "it (docker run --cap-add SYS_PTRACE)",
			  call, strerror(error));
}

/* May we write into the child's memory, and read that? Told where not. */
static bool may_look_into(pid_t child)
{
	static uint64_t mark;	/* the child's has this address, too */
	const uint64_t written = 0x70726f7879;
	uint64_t read = 0;

	if (!pp_memory_write(child, (uintptr_t)&mark, &written,
			     sizeof(written)))
		report_look("process_vm_writev", errno);
	else if (!pp_memory_read(child, (uintptr_t)&mark, &read, sizeof(read)))
		report_look("process_vm_readv", errno);
	else
		return read == written;
	return false;
}

/* Takes a descriptor of the child. Told where we may not; -1. */
static int take_descriptor(pid_t child, int fd)
{
	int pidfd = (int)syscall(SYS_pidfd_open, child, 0);
	int taken;

	if (pidfd < 0) {
		report_look("pidfd_open", errno);
		return -1;
	}
	taken = (int)syscall(SYS_pidfd_getfd, pidfd, fd, 0);
	if (taken < 0)
		report_look("pidfd_getfd", errno);
	close(pidfd);
	return taken;
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

/*
 * Can a descriptor be given as an answer? Nobody has this number, which is said
 * where all else is right.
 */
static bool can_answer(int notifications)
{
	struct seccomp_notif_addfd nobody = {
		.id = 0,
		.flags = SECCOMP_ADDFD_FLAG_SEND,
		.srcfd = (uint32_t)notifications,
	};

	if (ioctl(notifications, SECCOMP_IOCTL_NOTIF_ADDFD, &nobody) == 0 ||
	    errno == ENOENT)
		return true;
	report_missing("SECCOMP_ADDFD_FLAG_SEND", errno);
	return false;
}

static bool take_notifications(pid_t child, int gate, int *notifications)
{
	int fd = -EIO;

	if (recv(gate, &fd, sizeof(fd), 0) != sizeof(fd) || fd < 0) {
		report_filter(-fd);
		return false;
	}
	*notifications = take_descriptor(child, fd);
	return *notifications >= 0 && may_look_into(child) &&
	       can_answer(*notifications);
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
