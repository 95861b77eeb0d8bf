/* SPDX-License-Identifier: ISC */
/* What a program is, and whether a preloaded library reaches it, and why. */
#ifndef PP_COMMAND_PROGRAM_H
#define PP_COMMAND_PROGRAM_H

#include <limits.h>
#include <stdbool.h>

enum pp_program_kind {
	PP_PROGRAM_DYNAMIC,	 /* a preloaded library reaches this one alone */
	PP_PROGRAM_STATIC,	 /* static and static-PIE: no loader */
	PP_PROGRAM_GO,		 /* makes its system calls itself */
	PP_PROGRAM_RAW,		 /* so does Free Pascal, or liburing alone */
	PP_PROGRAM_URING,	 /* so may liburing, beside accept of libc */
	PP_PROGRAM_OTHER_LIBC,	 /* musl beside glibc, or the reverse */
	PP_PROGRAM_OTHER_MACHINE, /* another ELF class, byte order or machine */
	PP_PROGRAM_SECURE,	 /* set-user-ID and the like: AT_SECURE */
	PP_PROGRAM_PRIVILEGED,	 /* what it executes may have AT_SECURE */
	PP_PROGRAM_STARTER,	 /* a shell, or another that starts anything */
	PP_PROGRAM_UNKNOWN,	 /* it cannot be read, or is nothing known */
};

struct pp_program {
	enum pp_program_kind kind;
	char path[PATH_MAX];	/* what is executed */
	char judged[PATH_MAX];	/* path, or a script's interpreter */
	char loader[PATH_MAX];	/* the ELF interpreter, "" without one */
	/* Why the kind is this one, in words that go on from a name: "is a
	   Go program, ...". */
	char reason[PATH_MAX + 160];
};

/*
 * The ELF interpreter that this program itself has, as the C library's of its
 * libraries; "" without one.
 */
const char *pp_program_own_loader(void);

/*
 * Finds a command as execvp(3) does and judges it; of a script that is no
 * shell's, its interpreter. Returns 0, or the error number that executing it
 * would meet: ENOENT, EACCES ...
 */
int pp_program_find(const char *command, struct pp_program *program);

/*
 * Can a library be preloaded into a program of this kind, though it may not see
 * all of its connections?
 */
bool pp_program_is_preloadable(enum pp_program_kind kind);

/* Judges a file, be it /proc/PID/exe. */
void pp_program_judge(const char *path, struct pp_program *program);

#endif
