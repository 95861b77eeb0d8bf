/* SPDX-License-Identifier: ISC */
/* What a program is and whether a preloaded library reaches it; program.h. */
#include <config.h>

#include "command/elf.h"
#include "command/program.h"
#include "settings/load.h"

#include <errno.h>
#include <fcntl.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/statvfs.h>
#include <sys/xattr.h>
#include <unistd.h>

/* The kernel follows no more interpreters of interpreters. */
#define DEPTH_MAX 5

/* What the kernel reads of a script's first line. */
#define LINE_MAX_SCRIPT 256

/* Those that run what they are told to, which need not be dynamic. */
static const char *const shells[] = {
	"sh", "ash", "bash", "busybox", "csh", "dash", "fish", "ksh", "ksh93",
	"lksh", "mksh", "posh", "rbash", "rc", "tcsh", "yash", "zsh", NULL,
};
static const char *const starters[] = {
	"catatonit", "chpst", "chroot", "chrt", "daemonize", "dumb-init",
	"env", "envdir", "flock", "gosu", "ionice", "make", "nice", "nohup",
	"nsenter", "numactl", "runsv", "runuser", "s6-svscan", "setarch",
	"setpriv", "setsid", "setuidgid", "softlimit", "start-stop-daemon",
	"stdbuf", "su-exec", "taskset", "time", "timeout", "tini", "unshare",
	"xargs", NULL,
};

static bool name_is_one_of(const char *path, const char *const *names)
{
	for (; *names != NULL; names++)
		if (strcmp(pp_base_name(path), *names) == 0)
			return true;
	return false;
}

static void set_kind(struct pp_program *program, enum pp_program_kind kind,
		     const char *format, ...)
	__attribute__((format(printf, 3, 4)));

static void set_kind(struct pp_program *program, enum pp_program_kind kind,
		     const char *format, ...)
{
	va_list arguments;

	program->kind = kind;
	va_start(arguments, format);
	vsnprintf(program->reason, sizeof(program->reason), format, arguments);
	va_end(arguments);
}

const char *pp_program_own_loader(void)
{
	static struct pp_elf own;

	if (own.bits == 0)
		pp_elf_read("/proc/self/exe", &own);
	return own.loader;
}

/* Would the kernel set AT_SECURE, as the file gives privileges? */
static bool judge_privileges(const char *path, struct pp_program *program)
{
	struct statvfs filesystem;
	struct stat status;
	bool user, group;

	if (stat(path, &status) != 0 ||
	    (statvfs(path, &filesystem) == 0 &&
	     (filesystem.f_flag & ST_NOSUID) != 0))
		return false;
	user = (status.st_mode & S_ISUID) != 0 && status.st_uid != getuid();
	group = (status.st_mode & (S_ISGID | S_IXGRP)) ==
			(S_ISGID | S_IXGRP) &&
		status.st_gid != getgid();
	if (user || group)
		set_kind(program, PP_PROGRAM_SECURE,
			 "is set-%s-ID: its loader ignores LD_PRELOAD",
			 user ? "user" : "group");
	else if (getuid() != 0 &&
		 getxattr(path, "security.capability", NULL, 0) > 0)
		set_kind(program, PP_PROGRAM_SECURE,
			 "has file capabilities: its loader ignores "
			 "LD_PRELOAD");
	else
		return false;
	return true;
}

static void judge_native(const char *path, const struct pp_elf *elf,
			 struct pp_program *program)
{
	const char *own = pp_program_own_loader();

	if (elf->is_go)
		set_kind(program, PP_PROGRAM_GO, "is a Go program%s: it makes "
			 "its system calls itself",
			 elf->loader[0] != '\0' ? " linked with libc" : "");
	else if (elf->loader[0] == '\0')
		set_kind(program, PP_PROGRAM_STATIC, "is statically linked%s: "
			 "there is no loader that preloads",
			 elf->is_position_independent ? " (PIE)" : "");
	else if (own[0] != '\0' &&
		 strcmp(pp_base_name(own), pp_base_name(elf->loader)) != 0)
		set_kind(program, PP_PROGRAM_OTHER_LIBC,
			 "is linked with another C library (%s) than "
			 "libproxyproto.so (%s)", elf->loader, own);
	else if (judge_privileges(path, program))
		return;
	else if (elf->is_free_pascal && !elf->imports_accept)
		set_kind(program, PP_PROGRAM_RAW, "is a Free Pascal program: "
			 "it makes its system calls itself");
	else if (elf->listens_by_uring && !elf->imports_accept)
		set_kind(program, PP_PROGRAM_RAW, "accepts through liburing "
			 "(io_uring), not by libc");
	else if (elf->listens_by_uring)
		set_kind(program, PP_PROGRAM_URING, "is linked with liburing: "
			 "what it accepts by io_uring no preloaded library "
			 "sees");
	else if (elf->executes_as_another && geteuid() == 0)
		set_kind(program, PP_PROGRAM_PRIVILEGED, "keeps capabilities "
			 "as another effective user, and executes programs: "
			 "their loader ignores LD_PRELOAD then");
	else
		set_kind(program, PP_PROGRAM_DYNAMIC,
			 "is dynamically linked (%s)", elf->loader);
}

/* The elements of "#!interpreter argument" in line, or false. */
static bool read_script_line(const char *path, char line[LINE_MAX_SCRIPT],
			     char **interpreter, char **argument)
{
	int fd = open(path, O_RDONLY | O_CLOEXEC | O_NOCTTY | O_NONBLOCK);
	ssize_t length;

	if (fd < 0)
		return false;
	length = read(fd, line, LINE_MAX_SCRIPT - 1);
	close(fd);
	if (length < 2 || line[0] != '#' || line[1] != '!')
		return false;
	line[length] = '\0';
	line[strcspn(line, "\n")] = '\0';
	*interpreter = line + 2 + strspn(line + 2, " \t");
	*argument = *interpreter + strcspn(*interpreter, " \t");
	if (**argument != '\0')
		*(*argument)++ = '\0';
	*argument += strspn(*argument, " \t");
	return **interpreter != '\0';
}

/* What env(1) runs that has this argument: "python3", "-S A=1 python3 -u". */
static char *env_command(char *argument)
{
	char *word;

	for (word = strtok(argument, " \t"); word != NULL;
	     word = strtok(NULL, " \t")) {
		if (strncmp(word, "-S", 2) == 0 && word[2] != '\0')
			word += 2;
		if (word[0] != '-' && strchr(word, '=') == NULL)
			return word;
	}
	return NULL;
}

static int find_file(const char *command, char path[static PATH_MAX]);

static void judge_file(const char *path, int depth,
		       struct pp_program *program);

/* A script with a first line that names its interpreter. */
static void judge_script(char *interpreter, char *argument, int depth,
			 struct pp_program *program)
{
	char found[PATH_MAX];
	char *runs = interpreter;

	if (strcmp(pp_base_name(interpreter), "env") == 0)
		runs = env_command(argument);
	if (runs == NULL)
		set_kind(program, PP_PROGRAM_UNKNOWN, "is a script whose "
			 "first line names no program behind env");
	else if (name_is_one_of(runs, shells))
		set_kind(program, PP_PROGRAM_STARTER,
			 "is a shell script (%s), which may start anything",
			 runs);
	else if (depth == DEPTH_MAX)
		set_kind(program, PP_PROGRAM_UNKNOWN,
			 "is a script of a script of a script and so on");
	else if (find_file(runs, found) != 0)
		set_kind(program, PP_PROGRAM_UNKNOWN, "is a script whose "
			 "interpreter (%s) is not there", runs);
	else
		judge_file(found, depth + 1, program);
}

static void judge_file(const char *path, int depth, struct pp_program *program)
{
	char line[LINE_MAX_SCRIPT], machine[PP_MACHINE_TEXT];
	char *interpreter, *argument;
	struct pp_elf elf;
	int error = pp_elf_read(path, &elf);

	snprintf(program->judged, sizeof(program->judged), "%s", path);
	snprintf(program->loader, sizeof(program->loader), "%s", elf.loader);
	if (error == 0 && elf.is_native)
		judge_native(path, &elf, program);
	else if (error == 0)
		set_kind(program, PP_PROGRAM_OTHER_MACHINE, "is of another "
			 "machine (%s, %u bits) than libproxyproto.so",
			 pp_elf_machine(&elf, machine), elf.bits);
	else if (error != -ENOEXEC)
		set_kind(program, PP_PROGRAM_UNKNOWN, "cannot be read (%s), so "
			 "it is not known whether it is dynamic",
			 strerror(-error));
	else if (read_script_line(path, line, &interpreter, &argument))
		judge_script(interpreter, argument, depth, program);
	else
		set_kind(program, PP_PROGRAM_STARTER, "is neither ELF nor has "
			 "it a #! line, so it is a shell's: it may start "
			 "anything");
}

bool pp_program_is_preloadable(enum pp_program_kind kind)
{
	switch (kind) {
	case PP_PROGRAM_DYNAMIC:
	case PP_PROGRAM_URING:
	case PP_PROGRAM_PRIVILEGED:
	case PP_PROGRAM_STARTER:
	case PP_PROGRAM_UNKNOWN:
		return true;
	case PP_PROGRAM_STATIC:
	case PP_PROGRAM_GO:
	case PP_PROGRAM_RAW:
	case PP_PROGRAM_OTHER_LIBC:
	case PP_PROGRAM_OTHER_MACHINE:
	case PP_PROGRAM_SECURE:
		break;
	}
	return false;
}

void pp_program_judge(const char *path, struct pp_program *program)
{
	snprintf(program->path, sizeof(program->path), "%s", path);
	judge_file(path, 0, program);
}

/* 0, or why a file is not executed. */
static int check_file(const char *path)
{
	struct stat status;

	if (stat(path, &status) != 0)
		return errno;
	if (!S_ISREG(status.st_mode) || eaccess(path, X_OK) != 0)
		return EACCES;
	return 0;
}

/* Finds what execvp(3) would execute. Returns 0 or an error number. */
static int find_file(const char *command, char path[static PATH_MAX])
{
	const char *list = getenv("PATH");
	int result = ENOENT;

	if (list == NULL)
		list = "/bin:/usr/bin";
	if (strchr(command, '/') != NULL || command[0] == '\0') {
		snprintf(path, PATH_MAX, "%s", command);
		return check_file(path);
	}
	for (;;) {
		int length = (int)strcspn(list, ":");
		int error;

		snprintf(path, PATH_MAX, "%.*s%s%s", length, list,
			 length == 0 ? "" : "/", command);
		error = check_file(path);
		if (error == 0)
			return 0;
		if (error == EACCES)
			result = EACCES;
		list += length;
		if (*list++ == '\0')
			return result;
	}
}

int pp_program_find(const char *command, struct pp_program *program)
{
	int error = find_file(command, program->path);

	if (error != 0)
		return error;
	judge_file(program->path, 0, program);
	if (program->kind != PP_PROGRAM_DYNAMIC)
		return 0;
	if (name_is_one_of(command, shells))
		set_kind(program, PP_PROGRAM_STARTER,
			 "is a shell, which may start anything");
	else if (name_is_one_of(command, starters))
		set_kind(program, PP_PROGRAM_STARTER,
			 "starts another program, whatever that is");
	return 0;
}
