/* SPDX-License-Identifier: ISC */
/*
 * proxyproto check: what is known of a program, running or not yet, and what
 * follows from it. Asked for in check.c, gathered in check_gather.c, judged in
 * check_slips.c, told in check_report.c.
 */
#ifndef PP_COMMAND_CHECK_H
#define PP_COMMAND_CHECK_H

#include "command/processes.h"
#include "command/program.h"
#include "settings/settings.h"

#include <limits.h>
#include <stdbool.h>
#include <stdio.h>

#define PP_SLIPS_MAX 40
#define PP_LIBRARIES_MAX 8
#define PP_LISTENERS_MAX 1024
#define PP_REASONS_MAX 8

/* What was found that keeps it from being served, or from being safe. */
struct pp_slip {
	const char *name;	/* as the manual has it */
	const char *advice;	/* what to do */
	bool prevents;		/* nobody is served */
	char text[560];
};

/* Why it is served by those means. */
struct pp_reason {
	const char *name;	/* as the manual has it */
	char text[PATH_MAX + 80];
};

struct pp_listener {
	uint64_t number;	/* of the socket */
	union pp_address address;
	bool is_udp;		/* bound, and not connected */
	bool is_covered;	/* PORTS has it */
};

struct pp_check {
	struct pp_process process;	/* pid is 0 of a COMMAND */
	char name[NAME_MAX + 1];	/* which sections it goes by */
	struct pp_program program;
	const char *by;			/* "preload", "supervise" or NULL */
	struct pp_reason reasons[PP_REASONS_MAX];
	int reason_count;
	bool is_secure;			/* the loader ignores its environment */

	struct pp_mapped libraries[PP_LIBRARIES_MAX];
	int library_count;		/* -1: that may not be known */
	pid_t supervisor;		/* of a process, or 0 */
	bool datagrams;			/* COMMAND's, too: --udp */

	char **environment;		/* NULL: that may not be known */
	char root[PATH_MAX];		/* where its settings file is looked for */
	struct pp_settings settings;
	struct pp_settings_error error;

	struct pp_listener listeners[PP_LISTENERS_MAX];
	int listener_count;		/* -1: that may not be known */
	bool has_ring;			/* of io_uring(7) */
	bool takes_notes;

	struct pp_slip slips[PP_SLIPS_MAX];
	int slip_count;
	bool is_served;
};

/* Gathers what is known of a process. False where there is none. */
bool pp_check_process(struct pp_check *check, pid_t pid);

/*
 * Of a command as it would be run by proxyproto run, by these means where they
 * are not NULL. Returns 0, or the error number that executing it would meet.
 */
int pp_check_command_line(struct pp_check *check, const char *command,
			  const char *how);

/* Is it one of proxyproto run, which serves what is below it? */
bool pp_check_is_supervisor(const struct pp_process *process);

/* Adds a slip, or a reason. */
void pp_check_slip(struct pp_check *check, bool prevents, const char *name,
		   const char *advice, const char *format, ...)
	__attribute__((format(printf, 5, 6)));
void pp_check_reason(struct pp_check *check, const char *name,
		     const char *format, ...)
	__attribute__((format(printf, 3, 4)));

/*
 * A file of its root directory, which who runs it may have put there: NULL where
 * it is not regular (it might never end) or larger than that.
 */
#define PP_CHECKED_FILE_MAX (1 << 20)
FILE *pp_check_open(const struct pp_check *check, const char *path);

/* The value of a variable of its environment, or NULL. */
const char *pp_check_variable(const struct pp_check *check, const char *name);

/* Is a library loaded? */
bool pp_check_has_library(const struct pp_check *check,
			  enum pp_library library);

/* Finds the slips, and whether it is served. */
void pp_check_judge(struct pp_check *check);

/* Those of the settings and of their file (check_settings.c). */
void pp_check_settings(struct pp_check *check);

/* Are datagrams served, or to be? */
bool pp_check_has_datagrams(const struct pp_check *check);

/* Those of the ports, and of what is not served on them (check_ports.c). */
void pp_check_ports(struct pp_check *check);

/* Those of what is to be loaded, and is not (check_loading.c). */
void pp_check_loading(struct pp_check *check);

/* 0, 1 or 2: served and safe, not served, served but to be looked at. */
int pp_check_status(const struct pp_check *check);

/* Tells of one; in colours where they are wanted. */
void pp_check_print(const struct pp_check *check, bool colours);
void pp_check_print_json(const struct pp_check *check);

#endif
